"""Metrics before and after a training, as tables of a page."""

from __future__ import annotations

from pathlib import Path

from tests.support.written_runs import compared
from training.runs.before_after import changes_notes, changes_tables
from training.runs.run_folders import TrainingRun


def run_with(name: str, *comparisons: object, **more: object) -> TrainingRun:
    return TrainingRun(Path(name), name, changes={"comparisons": comparisons, **more})


def test_runs_are_side_by_side_in_a_table_for_each_evaluation() -> None:
    other = {**compared(0.2), "a": "prototype: prototype tiny@1", "by": "class", "split_set": "drawn@2"}
    tables = changes_tables([run_with("v1", compared(0.1)), run_with("v2", compared(-0.2), other), run_with("v3")])
    assert [table.title.split("; ")[0] for table in tables] == [
        "Before: `zeroshot: prompts tiny@1`. 48 labels, 144 test samples (split)",
        "Before: `prototype: prototype tiny@1`. 48 labels, 144 test samples (drawn)",
    ]
    assert [table.title.split("; ")[1] for table in tables] == [
        "intervals of paired differences, by group.", "intervals of paired differences, by sample.",
    ]  # fmt: skip
    assert tables[0].cells == [
        ["v1", "top-1", "50.0", "60.0", "**+10.0 [+1.0, +19.0]**"],
        ["v1", "NLL", "0.900", "0.800", "-0.100 [-0.190, +0.010]"],
        ["v2", "top-1", "50.0", "30.0", "**-20.0 [-29.0, -11.0]**"],
        ["v2", "NLL", "0.900", "0.800", "-0.100 [-0.190, +0.010]"],
    ]


def test_a_ranking_names_its_protocol_and_counts() -> None:
    metric = {"a": 0.25, "b": 0.5, "difference": 0.25, "ci95": None}
    ranking = {
        "task": "ranking", "mode": "reid", "protocol": "clipfh-11k", "departs_from": None, "a": "tiny@1", "b": "new@1",
        "parts": ["dorsal left", "palmar left"], "split_set": "x@1", "split_sha256": "1",
        "n": {"query": 240.0, "identities": 30}, "metrics": {"mean_ap": metric, "rank_1": metric, "mean_inp": metric},
    }  # fmt: skip
    (table,) = changes_tables([run_with("v1", ranking)])
    assert table.title == (
        "Before: `reid` in `tiny@1`. clipfh-11k, mean of 2 parts, 240 queries, 30 identities; intervals of paired "
        "differences, by identity."
    )
    assert table.cells == [["v1", "Rank-1", "25.0", "50.0", "+25.0"], ["v1", "mAP", "25.0", "50.0", "+25.0"]]


def test_warnings_and_neighbours_are_told_once() -> None:
    warned = {**compared(0.1), "warnings": ["Of 9 evaluated samples, 3 were trained on."]}
    kept = {"samples": 1200, "of": "samples of the evaluation", "k": 10, "overlap": 0.586, "trained": 4}
    notes = changes_notes([run_with("v1", warned, warned, neighbours=kept), run_with("v2", compared(0.1))])
    assert notes[0] == "v1: Of 9 evaluated samples, 3 were trained on."
    assert notes[1].startswith(
        "v1: 58.6 % of the 10 nearest neighbours are the same as before, mean over 1,200 samples"
    )
    assert notes[1].endswith("of the evaluation, of which the training used 4 (train or val).")
    assert len(notes) == 2
