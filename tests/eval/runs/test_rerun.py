"""From every kind of result back to its evaluation, and to the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.api import evaluate
from eval.protocols.split_sets import splits_to_csv
from eval.results.differences import number_differences
from eval.results.schema import EvalResult, Provenance
from eval.runs.reading import stored_draws
from eval.runs.rerun import evaluate_again, prepare_again, require_values
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from tests.support.identity_stores import memory_store, people
from tests.support.labelled_stores import (
    CLIP,
    RES,
    class_store,
    drawn,
    labelled,
    name_of,
    pool_of,
    table_of,
    vectors_of,
)

ROWS = labelled(roles={"train": 6, "val": 8, "test": 5})
ARMS = (f"{CLIP}:prompts", f"{RES}:classifier")


def evaluated(store: MemoryStore, mode: str, **asked: Any) -> EvalResult:
    if mode != "fusion":
        asked.setdefault("space", CLIP)
    options = {"bootstrap": 15, **asked.pop("options", {})}
    return evaluate(store, mode, options=options, say=lambda _: None, **asked)


def again(store: MemoryStore, result: EvalResult) -> EvalResult:
    return evaluate_again(store, result, "A", lambda _: None).result


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "zeroshot": ("zeroshot", {"options": {"pool": "softmax,max", "calibrate": True, "views": "base,hflip"}}),
    "zeroshot, probabilities": ("zeroshot", {"options": {"views": "base,hflip", "tta": "probabilities"}}),
    "zeroshot, texts as queries": ("zeroshot", {"options": {"text_to_image": True}}),
    "side by side": ("zeroshot", {"options": {"pool": "softmax,max", "choose": "none"}}),
    "prototype of a limit": ("prototype", {"options": {"train_limit": 9, "test_n": 7, "sample_seed": 3}}),
    "universe of test": ("prototype", {"options": {"labels_from": "split", "test_n": 6}}),
    "knn": ("knn", {"options": {"k": "1,5", "votes": "uniform,exp"}}),
    "holdout": ("knn", {"protocol": "holdout", "seed": 5, "options": {"k": "1,5", "test_share": 0.4, "draws": 2}}),
    "folds": ("prototype", {"protocol": "k-fold", "options": {"folds": 3, "val_from": "train:0.2", "calibrate": True}}),
    "few shots": ("fewshot", {"seed": 2, "options": {"shots": "1,2", "method": "prototype,knn,tip", "knn.k": "1,2"}}),
    "heads, some of which need texts": ("fewshot", {"options": {"shots": 2, "method": "tip,clap,gda"}}),
    "the first shots": ("fewshot", {"options": {"shots": 2, "sampling": "first", "method": "tip", "bank": "said"}}),
    "fusion": ("fusion", {"arms": ARMS, "options": {"calibrate": True, "prompts.pool": "softmax,max"}}),
    "fusion of named arms": ("fusion", {"arms": (f"a-b={CLIP}:prototype", f"c={RES}:prototype")}),
    "fusion of one scorer": ("fusion", {"arms": (f"{CLIP}:knn", f"{RES}:knn"), "options": {"knn.k": 3}}),
    "fusion with shots": ("fusion", {"arms": (f"{CLIP}:prototype", ARMS[1]), "options": {"shots": "1,2", "seeds": 2}}),
    "fusion by class": ("fusion", {"arms": ARMS, "options": {"method": "per_class", "class_alphas": {"class 1": 0.2}}}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_numbers_from_the_result_file(name: str) -> None:
    mode, asked = CASES[name]
    store = class_store(ROWS)
    before = evaluated(store, mode, **dict(asked))
    read = EvalResult.read(json.loads(before.to_json()), "A")
    after = again(store, read)
    assert after.metrics == before.metrics
    assert after.draws == before.draws
    assert after.n == before.n
    assert after.sweep == before.sweep
    assert after.per_class == before.per_class
    assert after.label_universe == before.label_universe
    assert after.retrieval == before.retrieval
    assert after.provenance.split_sha256 == before.provenance.split_sha256
    assert again(store, after).metrics == before.metrics


@pytest.mark.parametrize("name", CASES)
def test_the_result_made_again_is_the_result_and_no_second_one(name: str) -> None:
    mode, asked = CASES[name]
    store = class_store([*ROWS, {**ROWS[0], "uri": "unknown.jpg", "label": None}])
    before = evaluated(store, mode, **dict(asked))
    after = again(store, EvalResult.read(json.loads(before.to_json()), "A"))
    assert {**after.to_dict(), "created": ""} == {**before.to_dict(), "created": ""}
    assert len(store.results()) == 1


def test_warnings_are_those_of_the_result_as_often_as_it_has_them() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "knn", options={"k": 9000})
    assert before.warnings
    twice = before.model_copy(update={"warnings": ("Of two arms.", "Of two arms.")})
    assert again(store, twice).warnings == ("Of two arms.", "Of two arms.", *before.warnings)


def test_a_file_of_labels_and_a_split_set_file_may_be_gone(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("class 2\nclass 0\nwolf\n")
    pool = pool_of(ROWS)
    (tmp_path / "own.csv").write_text(splits_to_csv(drawn(pool, "holdout", draws=2), pool))
    store = class_store(ROWS)
    labels = {"labels_from": str(tmp_path / "labels.txt")}
    before = evaluated(store, "prototype", options=labels, split_set=tmp_path / "own.csv")
    for file in tmp_path.iterdir():
        file.unlink()
    after = again(store, before)
    assert after.metrics == before.metrics
    assert after.label_universe == before.label_universe
    assert after.label_universe.origin == "file:labels.txt"


def test_prompt_files_may_be_gone_and_banks_of_one_content_are_one(tmp_path: Path) -> None:
    texts = {name_of(code): [f"text {code}"] for code in range(4)}
    (tmp_path / "p.json").write_text(json.dumps(texts))
    store = class_store(ROWS)
    before = evaluated(store, "zeroshot", prompts=(tmp_path / "p.json",))
    (tmp_path / "p.json").unlink()
    stored = next(bank for bank in store.banks() if bank.name == "p")
    store.save_bank(type(stored)(**{name: getattr(stored, name) for name in stored.__slots__} | {"name": "another"}))
    assert again(store, before).metrics == before.metrics


def test_a_store_without_the_space_or_the_draws() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "prototype")
    table = table_of(ROWS)
    other = MemoryStore(table, {"other": {"base": (table.column("key").to_pylist(), vectors_of(ROWS, 1))}})
    with pytest.raises(UnknownNameError, match="not in this store"):
        prepare_again(other, before, "A")
    with pytest.raises(InputError, match="evaluate again"):
        prepare_again(class_store(ROWS), before, "A")
    assert stored_draws(class_store(ROWS), before) is None


@pytest.mark.parametrize(
    "request_",
    [{"arms": 3}, {"arms": [1]}, {"mode": "prototype"}, {"where": 3}, {"seeds": 3}, {"options": {"bins": "x"}}],
)
def test_a_request_that_somebody_wrote_in(request_: dict[str, Any]) -> None:
    store = class_store(ROWS)
    before = evaluated(store, "knn")
    with pytest.raises(InputError):
        again(store, before.model_copy(update={"request": {**before.request, **request_}}))


def test_a_bank_that_is_gone() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "zeroshot")
    gone = {**before.request, "options": {"bank": "0" * 64}}
    with pytest.raises(UnknownNameError, match="No bank"):
        prepare_again(store, before.model_copy(update={"request": gone}), "A")


def test_values_must_agree() -> None:
    result = evaluated(class_store(ROWS), "prototype")
    now = {name: metric.value for name, metric in result.metrics.items()}
    require_values(result, now, "A")
    require_values(result, {name: value + 1e-8 for name, value in now.items()}, "A")
    with pytest.raises(InputError, match="changed since"):
        require_values(result, now | {"nll": now["nll"] + 1e-3}, "A")
    with pytest.raises(InputError, match="does not ask for"):
        require_values(result, {"top_1": now["top_1"]}, "A")


def test_results_of_identities_go_back_too() -> None:
    store = memory_store(people(8, 3))
    before = evaluate(store, "reid", options={"draws": 2, "bootstrap": 10}, seed=3)
    assert again(store, before).metrics == before.metrics


def test_a_changed_store_is_found_out() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "prototype")
    relabelled = [{**row, "label": name_of(0)} if row["uri"] == "1/test0.jpg" else row for row in ROWS]
    table = table_of(relabelled)
    other = MemoryStore(table, {CLIP: {"base": (table.column("key").to_pylist(), vectors_of(ROWS, 1))}})
    other.save_splits(store.read_splits(before.provenance.split_set))
    with pytest.raises(InputError, match="changed since"):
        again(other, before)
    assert other.results() == ()


def test_the_provenance_of_two_spaces_is_looked_up_one_by_one() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "fusion", arms=ARMS)
    lost = Provenance.model_validate(before.provenance.model_dump() | {"space_fingerprint": "a + b"})
    with pytest.raises(UnknownNameError, match=f"{RES}"):
        prepare_again(store, before.model_copy(update={"provenance": lost}), "A")


def edited(values: Any, place: str, value: Any) -> Any:
    """A result file in which somebody wrote another value at a place such as ``metrics.top_1.ci95.0``."""
    values = json.loads(json.dumps(values))
    *path, last = (int(key) if key.isdecimal() else key for key in place.split("."))
    inner = values
    for key in path:
        inner = inner[key]
    inner[last] = value
    return values


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("metrics.top_1.ci95.0", "metrics (1)"),
        ("draws.0.top_1", "draws (1)"),
        ("n.test", "n (1)"),
        ("sweep.1.metrics.nll", "sweep (1)"),
        ("sweep.0.chosen", "sweep (1)"),
        ("per_class.class 1.support", "per_class (1)"),
        ("curves.reliability.accuracy.3", "curves (1)"),
        ("chosen.settings.0.k", "chosen (1)"),
        ("label_universe.n", "label_universe (1)"),
    ],
)
def test_every_number_of_a_result_is_compared(place: str, section: str) -> None:
    store = class_store(ROWS)
    before = evaluated(store, "knn", options={"k": "1,5", "votes": "uniform,exp"})
    assert not number_differences(before, again(store, before))
    other = EvalResult.read(edited(before.to_dict(), place, 77), "A")
    with pytest.raises(InputError, match="the first is ") as error:
        again(store, other)
    assert section in str(error.value)
    assert f"the first is {place}, 77" in str(error.value)


def test_a_draw_more_or_less_is_a_difference() -> None:
    store = class_store(ROWS)
    before = evaluated(store, "prototype", protocol="holdout", options={"draws": 2})
    fewer = before.model_copy(update={"draws": before.draws[:1], "confusion": None})
    with pytest.raises(InputError, match=r"in draws \(1\), confusion \(1\); the first is draws, 1 entries in the file"):
        again(store, fewer)
