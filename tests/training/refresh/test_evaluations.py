"""Which evaluations say what changed, and that they are those of ``compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import InputError, UnknownNameError
from retrieval.store.open import open_store
from retrieval.types import Bank, SpaceInfo, SplitSet
from tests.support.command_line import call_cli, call_json
from tests.support.trained_runs import CLASSES, adapter_run, classifier_run, record, spaces
from training.export import TrainedBank, write_bank, write_record
from training.refresh.evaluations import read_evaluation, usual_evaluations
from training.refresh.run_folder import RunFolder
from training.run_changes import read_changes


def run_of(target: str, *, encoder: bool = True, **data: Any) -> RunFolder:
    record: dict[str, Any] = {"target": target, "recipe": {"data": data}, "classes": [], "parent": None, "job": "x"}
    return RunFolder(Path(), Path() if encoder else None, None, record)


@pytest.mark.parametrize(
    ("run", "banks", "expected"),
    [
        (run_of("label"), (), [("prototype", {}, {})]),
        (run_of("label", where="a = 1"), ("p",),
         [("prototype", {}, {"where": "a = 1"}), ("zeroshot", {"bank": ["p"]}, {"where": "a = 1"})]),
        (run_of("condition"), (), [("prototype", {"target": "condition"}, {})]),
        (run_of("label", encoder=False), ("p", "q"),
         [("zeroshot", {"bank": ["p"]}, {}), ("zeroshot", {"bank": ["q"]}, {})]),
        (run_of("label", encoder=False), (), []),
        (run_of("identity", protocol="clipfh-11k", aspect="all", draw=3), ("p",),
         [("reid", {}, {"protocol": "clipfh-11k", "aspect": "all"})]),
        (run_of("identity", split_set="mine"), (), [("reid", {}, {"split_set": "mine"})]),
    ],
)  # fmt: skip
def test_the_training_says_what_is_evaluated(
    run: RunFolder,
    banks: tuple[str, ...],
    expected: list[tuple[str, dict[str, Any], dict[str, Any]]],
) -> None:
    evaluations = usual_evaluations(run, ("label",), banks)
    rest = [{name: value for name, value in one.items() if name not in {"mode", "options"}} for one in evaluations]
    modes = [(one["mode"], one["options"]) for one in evaluations]
    assert [(*mode, more) for mode, more in zip(modes, rest, strict=True)] == expected


def test_texts_of_evaluations() -> None:
    text = "reid:protocol=monte-carlo:aspect=dorsal right:draws=2:where=captured_at > '12:30'"
    assert read_evaluation(text) == {
        "mode": "reid", "options": {"draws": 2}, "protocol": "monte-carlo", "aspect": "dorsal right",
        "where": "captured_at > '12:30'",
    }  # fmt: skip
    assert read_evaluation("zeroshot:prompts=a.json")["prompts"] == ("a.json",)
    with pytest.raises(UnknownNameError, match=r"No mode 'prototypes'. Did you mean 'prototype'"):
        read_evaluation("prototypes")
    with pytest.raises(UnknownNameError, match=r"No option 'protocl'. Did you mean 'protocol'"):
        read_evaluation("reid:protocl=x")
    with pytest.raises(InputError, match="seed=-1"):
        read_evaluation("reid:seed=-1")


def test_spaces_are_compared_as_compare_does_it(tmp_path: Path, parent: SpaceInfo) -> None:
    run = classifier_run(tmp_path / "run", parent)
    (run / "run.json").write_text("{}")
    words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s")
    report = call_json(*words, "--evaluate", "knn:k=1", "--evaluate", "prototype")
    kept = read_changes(run)
    assert kept["comparisons"] == report["changes"]["comparisons"]
    assert set(kept["neighbours"]) == {"samples", "of", "k", "overlap", "trained"}  # no names of samples
    new = spaces(tmp_path)[1]
    expected = [
        call_json("compare", "--spaces", parent.name, new.name, "--mode", mode, *options, "--store", tmp_path / "s")
        for mode, options in (("knn", ("-o", "k=1")), ("prototype", ()))
    ]
    for made, known_one in zip(report["changes"]["comparisons"], expected, strict=True):
        made.pop("store_version")
        known_one.pop("store_version")
        assert made == known_one
    assert report["changes"]["neighbours"]["of"] == "samples of the evaluation"
    assert report["changes"]["neighbours"]["samples"] == 9  # test and val
    failed = call_cli(*words, "--evaluate", "zeroshot", check=1)
    assert "Error: Space shufflenet" in failed.stderr
    assert "no text tower" in failed.stderr


def ids_by_split(store: Path) -> dict[str, list[str]]:
    with open_store(store).snapshot() as snapshot:
        rows = snapshot.samples(["id", "split"]).to_pylist()
    return {name: [row["id"] for row in rows if row["split"] == name] for name in ("train", "val", "test")}


def test_only_the_draw_that_was_trained_on_is_compared(tmp_path: Path, parent: SpaceInfo) -> None:
    parts = ids_by_split(tmp_path / "s")
    ids = [*parts["train"], *parts["val"], *parts["test"]]
    roles = [("test" if at // 3 % 3 == draw else "train") for draw in range(3) for at in range(len(ids))]
    splits = SplitSet("folds", np.repeat(np.arange(3), len(ids)), np.array(ids * 3), np.array(roles))
    open_store(tmp_path / "s").save_splits(splits)
    run = classifier_run(tmp_path / "run", parent, split_set="folds", draw=1)
    trained = [name for at, name in enumerate(ids) if at // 3 % 3 != 1]
    (run / "samples.json").write_text(json.dumps({"train": trained, "val": []}))
    words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s")
    changes = call_json(*words)["changes"]
    (comparison,) = changes["comparisons"]
    assert (comparison["split_set"].partition("@")[0], comparison["n"]["test"]) == ("folds, draw 1", 6)
    assert changes["neighbours"]["trained"] == 0
    assert not any("trained on" in text for text in comparison["warnings"])
    named = call_json(*words, "--evaluate", "prototype:split_set=folds")["changes"]
    assert "Of 18 evaluated samples, 12 were trained on: this says nothing" in str(named["comparisons"][0]["warnings"])
    assert named["neighbours"]["trained"] == 12
    told = call_cli(*words, "--evaluate", "prototype:split_set=folds").stdout
    assert "of which the training used 12 (train or val)" in told


def test_a_run_is_not_compared_by_its_training_samples(tmp_path: Path, parent: SpaceInfo) -> None:
    parts = ids_by_split(tmp_path / "s")
    run = classifier_run(tmp_path / "run", parent)
    (run / "samples.json").write_text(json.dumps({"train": parts["test"][:4], "val": parts["test"][4:]}))
    done = call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s")
    said = "Not compared by prototype: of 6 evaluated samples, 4 were trained on and 2 were held out to choose the"
    assert said in done.stderr
    assert "does not list the samples" not in done.stderr
    (run / "samples.json").unlink()
    done = call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s")
    assert f"{run} does not list the samples that it was trained on, so nothing says whether" in done.stderr


def test_what_cannot_be_evaluated_is_said_and_no_failure(tmp_path: Path, parent: SpaceInfo) -> None:
    run = classifier_run(tmp_path / "run", parent, target="identity")
    done = call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s")
    assert "Not compared by reid: " in done.stderr
    assert "nearest neighbours are the same" in done.stdout
    assert "'promote test-vit" in done.stderr


def test_texts_of_a_parent_serve_its_adapter_and_learned_prompts_are_compared_with_them(
    tmp_path: Path, parent: SpaceInfo
) -> None:
    rng = np.random.default_rng(0)
    texts = rng.standard_normal((3, parent.dimension)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    names, edges = np.array(CLASSES), np.arange(3)
    open_store(tmp_path / "s").save_bank(
        Bank("words", parent.fingerprint, "import:x", texts, edges, names, ("a", "b", "c"), kind="prompts")
    )
    report = call_json("refresh", "--checkpoint", adapter_run(tmp_path / "a", parent), "--store", tmp_path / "s")
    assert [one["a"].partition(":")[0] for one in report["changes"]["comparisons"]] == ["prototype", "zeroshot"]
    run = tmp_path / "coop"
    run.mkdir()
    write_record(run, record(parent, "coop"))
    write_bank(run, TrainedBank("coop", "learned-prompts", "parent", texts[[1, 2, 0]], edges, names, temperature=0.01))
    report = json.loads(call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s", "--json").stdout)
    (comparison,) = report["changes"]["comparisons"]
    assert report["space"] is None
    assert report["changes"]["neighbours"] is None
    assert comparison["a"] != comparison["b"]
    words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s", "--evaluate", "knn:k=1")
    assert call_json(*words)["changes"]["comparisons"] == []  # k-NN takes no prompts, so nothing is different
