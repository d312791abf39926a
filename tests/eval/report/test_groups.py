"""Results that may share a table, and their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.api import evaluate
from eval.report.figures.comparison import cmc_lines
from eval.report.groups import LabelledResult, group_results, read_results, separation_warnings
from eval.results.files import write_result
from eval.runs.compare import compare_results
from retrieval.errors import InputError
from tests.support.compared_spaces import hands, two_spaces
from tests.support.drawn_results import (
    SPECIES,
    fusion,
    knn,
    metric,
    reid,
    verification,
    zeroshot,
)  # fmt: skip


def named(**results: object) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_results_group_by_what_they_are_over() -> None:
    groups = group_results(named(a=fusion(), b=fusion(SPECIES[:90]), c=knn(), d=reid()))
    assert [[each.label for each in group.results] for group in groups] == [["a", "c"], ["b"], ["d"]]
    assert [group.headline for group in groups] == ["top_1", "top_1", "rank_1"]
    (said,) = separation_warnings(groups)
    assert "Results of the task classification are over 2 label universes, so there are 2 separate tables." in said
    assert separation_warnings([groups[0], groups[2]]) == []
    fewer = knn(n={"train": 1, "val": 1, "test": 200})
    assert len(group_results(named(a=knn(), b=fewer))) == 2
    assert [line.label for line in cmc_lines(groups[2])] == ["d"]


def test_the_best_by_the_headline_metric_comes_first() -> None:
    (group,) = group_results(named(a=knn(), b=zeroshot(), c=fusion(), d=knn()))
    assert [each.label for each in group.results] == ["c", "a", "d", "b"]
    errors = {name: verification(metrics={"eer": metric(value)}) for name, value in (("a", 0.3), ("b", 0.1))}
    (group,) = group_results(named(**errors))
    assert [each.label for each in group.results] == ["b", "a"]
    (group,) = group_results(named(a=knn(metrics={"nll": metric(2.0)}), b=knn(metrics={"ece": metric(0.1)})))
    assert [each.label for each in group.results] == ["a", "b"]


def test_labels_tell_files_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_result(reid(), tmp_path / folder / "r.json")
    files = [tmp_path / "x" / "r.json", tmp_path / "y" / "r.json", tmp_path / "x" / "r.json"]
    assert [each.label for each in read_results(files)] == ["x/r", "y/r"]


QUICK = {"bootstrap": 60, "draws": 3}


def test_one_split_set_with_other_galleries_is_refused() -> None:
    store = two_spaces(hands())
    made = [
        evaluate(store, "reid", space="sharp", protocol=name, options={**QUICK, "views": "base"})
        for name in ("clipfh-11k", "mbanet-11k")
    ]
    assert len({result.provenance.split_sha256 for result in made}) == 1
    with pytest.raises(InputError, match=r"gallery of 12 and 48 images in part dorsal left.*same `protocol`") as caught:
        compare_results(store, *made)
    assert "\n" not in str(caught.value)
    groups = group_results([LabelledResult(each.protocol, Path("x.json"), each) for each in made])
    assert ["12 gallery samples in each of 4 parts" in group.title for group in groups] == [True, False]
    (said,) = separation_warnings(groups)
    assert "gallery of 12 and 48 images" in said
