from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.split_sets import splits_to_csv
from eval.results.schema import ArmResult, Choice, ClassMetrics, ConfusedPair, EvalResult, SweepPoint
from eval.runs.reading import sample_origins
from eval.runs.request import EvalRequest
from eval.runs.run import build_result, prepare
from retrieval.config import parse_assignments
from retrieval.errors import IncompleteError, InputError, UnknownNameError, VitrineError
from retrieval.store.memory import MemoryStore
from tests.support.identity_stores import memory_store, people, sample_table, vectors_of
from tests.support.ranking_problems import golden

ROWS = people(12, 4)


def without_created(result: EvalResult) -> dict[str, Any]:
    return {key: value for key, value in result.to_dict().items() if key != "created"}


def golden_store() -> MemoryStore:
    problem = golden()
    rows = [
        {"uri": f"{at:03d}.jpg", "identity": who, "camera": camera, "split": "query" if at < 40 else "gallery"}
        for at, (who, camera) in enumerate(zip(problem.identity, problem.camera, strict=True))
    ]
    samples = sample_table(rows)
    return MemoryStore(samples, {"golden": {"base": (samples.column("key").to_pylist(), problem.vectors)}})


@pytest.mark.parametrize(
    ("options", "mean_ap"),
    [
        ({}, 0.366015),
        ({"camera_rule": "none"}, 0.413747),
        ({"camera_rule": "none", "ap_method": "trapezoid"}, 0.393369),
    ],
)
def test_golden_numbers_through_a_store(options: dict[str, Any], mean_ap: float) -> None:
    result = evaluate(golden_store(), "reid", options=options)
    assert (result.protocol, result.departs_from) == (("custom", "fixed") if options else ("fixed", None))
    assert result.metrics["mean_ap"].value == pytest.approx(mean_ap, abs=1e-6)
    assert (result.n["query"], result.n["gallery"], result.n["identities"]) == (40, 200, 15)


def test_the_shape_of_a_result() -> None:
    result = evaluate(memory_store(ROWS), "reid", seed=5, options={"draws": 3})
    values = result.to_dict()
    assert list(values) == [
        "schema_version", "task", "mode", "protocol", "departs_from", "request", "metrics", "draws", "n",
        "label_universe", "cmc", "warnings", "config", "provenance", "created",
    ]  # fmt: skip
    assert list(values["metrics"]) == ["rank_1", "rank_5", "rank_10", "mean_ap", "mean_inp"]
    assert set(values["metrics"]["rank_1"]) == {"value", "ci95", "sd_draws"}
    assert (values["protocol"], values["departs_from"]) == ("custom", "monte-carlo")
    assert len(values["draws"]) == values["config"]["draws"] == 3
    assert values["metrics"]["mean_ap"]["value"] == pytest.approx(np.mean([d["mean_ap"] for d in values["draws"]]))
    low, high = values["metrics"]["mean_ap"]["ci95"]
    assert low < values["metrics"]["mean_ap"]["value"] < high
    assert values["provenance"]["space"] == "model@1234"
    assert values["provenance"]["seed"] == 5
    assert values["label_universe"]["n"] == 12


def test_a_result_keeps_every_section_that_a_mode_gives() -> None:
    prepared = prepare(memory_store(ROWS), EvalRequest(mode="reid", options={"draws": 2, "bootstrap": 0}))
    sections = {
        "per_class": {"a": ClassMetrics(precision=1, recall=1, f1=1, jaccard=1, support=2, predicted=2)},
        "sweep": (SweepPoint(settings={"k": 1}, role="val", metrics={"rank_1": 0.5}),),
        "chosen": Choice(settings=({"k": 1},)),
        "arms": {"one": ArmResult(space="s")},
        "confusion": (ConfusedPair(label="a", predicted="b", count=1),),
        "retrieval": {"r_1": 0.5},
        "thresholds": {"whole": 0.1},
    }
    result = build_result(prepared, prepared.evaluate().model_copy(update=sections))
    assert {name: getattr(result, name) for name in sections} == sections
    space = result.provenance.space_fingerprint
    options = {"draws": 2, "bootstrap": 0}
    assert result.request == {"mode": "reid", "space": space, "protocol": "monte-carlo", "options": options}


def test_the_same_evaluation_twice_is_the_same_whatever_the_order_of_the_vectors() -> None:
    first = evaluate(memory_store(ROWS), "reid")
    samples = sample_table(ROWS)
    order = np.random.default_rng(0).permutation(len(ROWS))
    keys = samples.column("key").to_pylist()
    vectors = {
        view: ([keys[at] for at in order], vectors_of(ROWS, seed=seed)[order])
        for seed, view in enumerate(("base", "hflip"))
    }
    second = evaluate(MemoryStore(samples, {"model@1234": vectors}), "reid")
    assert json.dumps(without_created(first)) == json.dumps(without_created(second))
    assert without_created(first) != without_created(evaluate(memory_store(ROWS), "reid", seed=1))


def test_results_and_splits_are_kept_and_followed_again(tmp_path: Path) -> None:
    store = memory_store(ROWS)
    drawn = evaluate(store, "reid")
    name = drawn.provenance.split_set
    assert dict(store.split_sets()) == {name: drawn.provenance.split_sha256}
    assert [each.result for each in store.results()] == [drawn.to_dict()]
    file = tmp_path / "mine.csv"
    with store.snapshot() as snapshot:
        file.write_text(splits_to_csv(store.read_splits(name), sample_origins(snapshot)))
    for wanted in (name, "monte-carlo", file, str(file)):
        again = evaluate(store, "reid", split_set=wanted)
        assert again.protocol == "fixed"
        assert again.provenance.split_sha256 == drawn.provenance.split_sha256
        assert (again.metrics, again.draws, again.n) == (drawn.metrics, drawn.draws, drawn.n)


def test_a_store_that_cannot_be_written_only_costs_a_sentence() -> None:
    said: list[str] = []
    result = evaluate(memory_store(ROWS, writable=False), "reid", say=said.append)
    assert result.metrics == evaluate(memory_store(ROWS), "reid").metrics
    assert len(said) == 1
    assert "Not kept in the store" in said[0]


def test_parts_say_which_split_set_they_are_of() -> None:
    store = memory_store(people(6, 3, ("left", "right")))
    result = evaluate(store, "reid", protocol="monte-carlo", aspect="all")
    assert result.parts is not None
    assert [part.split_sha256 for part in result.parts.values()] == list(store.split_sets().values())
    values = [part.metrics["mean_ap"].value for part in result.parts.values()]
    assert result.metrics["mean_ap"].value == pytest.approx(np.mean(values))
    assert list(result.parts) == ["left", "right"]


def test_an_option_against_the_protocol_makes_it_custom() -> None:
    rows = people(5, 3, ("dorsal left",), split="test", meta_accessories=0)
    common: dict[str, Any] = {"protocol": "clipfh-11k", "aspect": "dorsal left"}
    assert evaluate(memory_store(rows), "reid", **common).protocol == "clipfh-11k"
    same = evaluate(memory_store(rows), "reid", **common, options={"ap_method": "step", "ranks": "1"})
    assert same.protocol == "clipfh-11k"
    other = evaluate(memory_store(rows), "reid", **common, options={"ap_method": "trapezoid"})
    assert (other.protocol, other.departs_from) == ("custom", "clipfh-11k")


@pytest.mark.parametrize("mode", ["reid", "verification"])
def test_bad_boxes_that_are_ranked_as_an_identity_are_named(mode: str) -> None:
    rows = [{**row, "identity": "-1" if row["identity"] == "000" else row["identity"]} for row in people(12, 3)]
    store, options = memory_store(rows), {"bootstrap": 0, "draws": 2}
    said = evaluate(store, mode, options=options).warnings
    assert sum("Identity -1 counts as an identity" in each and "samples: 3" in each for each in said) == 1
    for option in ("junk_identities=-1", "distractor_identities=-1"):
        marked = parse_assignments([option], "-o")
        assert not any("Identity -1" in each for each in evaluate(store, mode, options={**options, **marked}).warnings)


def test_a_source_without_vectors_in_the_space_is_not_part_of_it() -> None:
    others = [{**row, "source": "z", "uri": f"z{row['uri']}"} for row in people(3, 2)]
    result = evaluate(memory_store([*ROWS, *others], drop=len(others)), "reid")
    assert result.metrics == evaluate(memory_store(ROWS), "reid").metrics


def test_samples_without_vectors_stop_the_evaluation() -> None:
    with pytest.raises(IncompleteError, match=r"3 of 48 samples .* space model@1234 .*import vectors of these"):
        evaluate(memory_store(ROWS, drop=3), "reid")
    with pytest.raises(IncompleteError, match="None of the samples has a vector"):
        evaluate(memory_store(ROWS, drop=len(ROWS)), "reid")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"mode": "ried"}, UnknownNameError, "No mode 'ried'. Did you mean 'reid'"),
        ({"protocol": "clipfh11k"}, UnknownNameError, "Did you mean 'clipfh-11k'"),
        ({"space": "vit"}, UnknownNameError, "No space 'vit'"),
        ({"options": {"views": "base,vflip"}}, UnknownNameError, "No view in space model@1234 'vflip'"),
        ({"options": {"rank": "1"}}, InputError, "options: there is no option 'rank'. Did you mean 'ranks'"),
        ({"split_set": "monte"}, UnknownNameError, "No split set 'monte'"),
        ({"split_set": "x", "protocol": "monte-carlo"}, UnknownNameError, "No split set 'x'"),
        ({"split_set": "none.csv"}, FileNotFoundError, "no split-set file none.csv"),
        ({"protocol": "fixed"}, InputError, "finds no query and no gallery samples"),
        ({"seed": -1}, InputError, "seed=-1"),
        ({"where": "x > 1"}, InputError, "cannot evaluate SQL"),
    ],
)
def test_what_cannot_be_evaluated(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        evaluate(memory_store(ROWS), **{"mode": "reid", **arguments})
    assert isinstance(error.value, VitrineError)
    assert "\n" not in str(error.value)


def test_evaluating_training_data_is_said() -> None:
    result = evaluate(memory_store(people(6, 4, split="train")), "reid")
    assert any("24 of 24 evaluated samples are of split train or val" in warning for warning in result.warnings)
    assert not evaluate(memory_store(people(12, 4, split="test")), "reid").warnings


def test_any_column_may_be_sliced_the_id_too_and_sizes_are_bounded() -> None:
    store = memory_store(people(4, 3))
    assert evaluate(store, "reid", options={"slice": "id", "bootstrap": 10}).slices
    for options in ({"ranks": 10**20}, {"cmc_length": 10**9}):
        with pytest.raises(InputError, match="less than or equal to 10000"):
            evaluate(store, "reid", options=options)


def test_rates_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two of the rates would have one name"):
        evaluate(memory_store(people(4, 3)), "verification", options={"fpr": "0.1,0.1000001"})


def test_ranks_beyond_the_gallery_and_few_identities_are_told() -> None:
    few = evaluate(memory_store(people(8, 3)), "reid", options={"draws": 2, "bootstrap": 0}).warnings
    assert any("gallery has only 8 samples, so Rank-10 of" in warning for warning in few)
    assert any("of 8 identities" in warning for warning in few)
    assert evaluate(memory_store(people(12, 3)), "reid", options={"draws": 2, "bootstrap": 0}).warnings == ()
    options = {"draws": 2, "bootstrap": 0, "unknown": 0.2, "threshold_from": "none", "fpr": 0.1, "fpir": 0.5}
    found = evaluate(memory_store(people(12, 3)), "verification", options=options).warnings
    assert any("`unknown=0.2` takes 2 of the 12 identities" in warning for warning in found)
