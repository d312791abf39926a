from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.hands import HAND_ASPECTS
from eval.protocols.split_sets import splits_to_csv
from eval.results.schema import EvalResult
from eval.runs.compare import compare_results
from eval.runs.compare_ranking import RankingComparison
from eval.runs.request import EvalRequest
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from retrieval.types.store import EmbeddingStore
from tests.support.compared_spaces import Rows, compare, hands, two_spaces
from tests.support.identity_stores import people, pool_of, sample_table, vectors_of

QUICK = {"bootstrap": 60, "draws": 3}


def of_files(store: EmbeddingStore, first: EvalResult, second: EvalResult) -> RankingComparison:
    """Compare two result files of rankings."""
    comparison = compare_results(store, first, second)
    assert isinstance(comparison, RankingComparison)
    return comparison


def both(store: MemoryStore, **asked: Any) -> tuple[EvalResult, EvalResult]:
    """Result files of both spaces."""
    a, b = (
        EvalResult.read(json.loads(evaluate(store, "reid", space=space, **asked).to_json()), "file")
        for space in ("sharp", "dull")
    )
    return a, b


def csv_of(rows: Rows, folder: Path, draws: int = 2) -> Path:
    """People's own split set: the first or second image of each person and aspect is the gallery."""
    pool = pool_of(rows)
    place = {uri: int(uri.rpartition("_")[2].removesuffix(".jpg")) for uri in pool.columns["uri"]}
    role = ["gallery" if place[uri] == draw else "query" for draw in range(draws) for uri in pool.columns["uri"]]
    splits = SplitSet("mine", np.repeat(np.arange(draws), len(pool)), np.tile(pool.ids, draws), np.array(role))
    path = folder / "mine.csv"
    path.write_text(splits_to_csv(splits, pool))
    return path


@pytest.mark.parametrize(
    "asked",
    [
        {"protocol": "monte-carlo"},
        {"protocol": "monte-carlo", "seed": 5, "options": {**QUICK, "ties": "expected", "ranks": "1,3"}},
        {"protocol": "clipfh-11k", "aspect": "all"},
        {"protocol": "clipfh-11k", "aspect": HAND_ASPECTS[1], "options": {**QUICK, "ap_method": "trapezoid"}},
        {"protocol": "mbanet-11k", "aspect": "all"},
        {"protocol": "leave-one-out", "options": {"bootstrap": 60}},
        {
            "protocol": "cross-aspect",
            "options": {**QUICK, "query_aspect": HAND_ASPECTS[0], "gallery_aspect": HAND_ASPECTS[2], "mirror": True},
        },
        {"protocol": "monte-carlo", "options": {**QUICK, "rerank": "k-reciprocal", "k1": 7, "k2": 3, "lambda": 0.4}},
        {"protocol": "monte-carlo", "options": {**QUICK, "rerank": "alpha-qe", "n": 4, "alpha": 2}},
    ],
    ids=lambda asked: "-".join([asked["protocol"], *map(str, list(asked.get("options", {}).values())[2:])]),
)
def test_files_give_what_spaces_give_and_the_values_in_the_files(asked: dict[str, Any]) -> None:
    asked = {"options": QUICK, **asked}
    rows = [{**row, "group": None} for row in hands()]
    store = two_spaces(rows)
    a, b = both(store, **asked)
    found = of_files(store, a, b)
    direct = compare(store, *(EvalRequest(mode="reid", space=space, **asked) for space in ("sharp", "dull")))
    for name, (one, other) in found.values.items():
        assert one == pytest.approx(a.metrics[name].value, abs=1e-12)
        assert other == pytest.approx(b.metrics[name].value, abs=1e-12)
        assert found.differences[name].metric.value == pytest.approx(other - one)
    assert found.values.keys() == a.metrics.keys()
    assert (found.values, found.differences, found.mcnemar) == (direct.values, direct.differences, direct.mcnemar)
    assert (found.protocol, found.split_sha256, found.seed) == (
        a.protocol,
        a.provenance.split_sha256,
        a.provenance.seed,
    )
    assert found.parts == tuple(a.parts or ())
    assert (found.a, found.b) == ("sharp", "dull")


@pytest.mark.parametrize("aspect", [None, "all"])
def test_a_split_set_of_ones_own(tmp_path: Path, aspect: str | None) -> None:
    store = two_spaces(hands())
    path = csv_of(hands(), tmp_path)
    options = {"bootstrap": 60}
    a, b = both(store, split_set=path, aspect=aspect, options=options)
    path_gone = path.rename(tmp_path / "elsewhere.csv")
    found = of_files(store, a, b)
    assert found.split_sha256 == a.provenance.split_sha256
    assert found.parts == (tuple(a.parts) if a.parts else ())
    direct = compare(
        store,
        *(
            EvalRequest(mode="reid", space=s, aspect=aspect, split_set=path_gone, options=options)
            for s in ("sharp", "dull")
        ),
    )
    assert (found.values, found.differences) == (direct.values, direct.differences)


def test_roles_of_the_samples_need_no_kept_split_set() -> None:
    rows = [{**row, "split": "gallery" if "_0" in row["uri"] else "query"} for row in people(12, 3)]
    store = two_spaces(rows)
    a, b = both(store, options={"bootstrap": 20})
    kept, bare = of_files(store, a, b), of_files(two_spaces(rows), a, b)
    assert kept.protocol == "fixed"
    assert (kept.values, kept.differences) == (bare.values, bare.differences)


def test_a_space_with_itself() -> None:
    store = two_spaces(people(12, 3))
    found = compare(store, *[EvalRequest(mode="reid", space="sharp", options=QUICK)] * 2)
    assert found.mcnemar is not None
    assert found.mcnemar.p_value == 1
    for apart in found.differences.values():
        assert (apart.metric.value, apart.metric.ci95, apart.p_value) == (0, (0, 0), 1)
        assert (apart.draws_up, apart.draws_equal, apart.draws_down) == (0, 3, 0)


def test_draws_that_are_not_clean_are_said_once() -> None:
    store = two_spaces(people(12, 3, split="train"))
    (result, _), found = (
        both(store, options=QUICK),
        compare(store, *[EvalRequest(mode="reid", space="sharp", options=QUICK)] * 2),
    )
    assert any("split train or val" in each for each in found.warnings)
    assert found.warnings == result.warnings
    assert found.to_dict()["warnings"] == list(result.warnings)


def test_a_clear_difference_is_found_and_said_with_its_direction() -> None:
    store = two_spaces(people(40, 3))
    found = compare(
        store, *(EvalRequest(mode="reid", space=space, options={"draws": 3}) for space in ("dull", "sharp"))
    )
    gain = found.differences["mean_ap"]
    assert gain.metric.ci95 is not None
    assert gain.metric.ci95[0] > 0
    assert gain.p_value < 0.05
    assert gain.draws_up == 3
    assert found.n["identities"] == 40
    assert found.n["query"] == 80


@pytest.mark.parametrize(
    ("other", "called"),
    [
        ({"views": "base,hflip"}, "sharp views=base,hflip"),
        ({"rerank": "k-reciprocal", "k1": 5}, "sharp rerank=k-reciprocal k1=5 k2=6 lambda=0.3"),
        ({"rerank": "alpha-qe", "n": 2}, "sharp rerank=alpha-qe n=2 alpha=3.0"),
        ({"score_norm": "z"}, "sharp score_norm=z"),
        ({"cmc_length": 5, "bootstrap": 30}, "sharp"),
    ],
)
def test_two_ways_to_score_one_space(other: dict[str, Any], called: str) -> None:
    rows = [{**row, "split": "train" if row["identity"] < "005" else "test"} for row in people(18, 3)]
    store = two_spaces(rows)
    a = evaluate(store, "reid", space="sharp", options=QUICK)
    b = evaluate(store, "reid", space="sharp", options={**QUICK, **other})
    found = of_files(store, a, b)
    assert found.b == called
    assert found.a.startswith("sharp")
    assert (found.a == "sharp") == (called == "sharp")
    assert found.values["mean_ap"] == pytest.approx((a.metrics["mean_ap"].value, b.metrics["mean_ap"].value))


def changed(result: EvalResult, **parts: Any) -> EvalResult:
    """The file after somebody edited it."""
    return EvalResult.read({**result.to_dict(), **parts}, "file")


def test_results_that_cannot_be_paired_are_refused() -> None:
    rows = people(12, 3)
    store = two_spaces(rows)
    a, b = both(store, options=QUICK)

    def refused(first: EvalResult, second: EvalResult, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            of_files(store, first, second)
        assert "\n" not in str(caught.value)

    refused(a, evaluate(store, "reid", space="dull", seed=1, options=QUICK), "different split sets")
    refused(a, evaluate(store, "reid", space="dull", options={**QUICK, "draws": 2}), "different split sets")
    refused(
        a, evaluate(store, "verification", space="dull", options=QUICK), r"different tasks \(ranking and verification\)"
    )
    refused(a, changed(b, label_universe={"n": 11, "sha256": "0" * 64}), "different label universes")
    for option, value in (("ap_method", "trapezoid"), ("ties", "optimistic"), ("denominator", "all")):
        other = evaluate(store, "reid", space="dull", options={**QUICK, option: value})
        refused(a, other, f"measure differently \\({option}=.* and {value}\\)")
    better = {**b.to_dict()["metrics"], "mean_ap": {"value": 0.999}}
    refused(a, changed(b, metrics=better), r"Result B says mean_ap 0.999000, and the store now gives")
    refused(changed(a, metrics={**a.to_dict()["metrics"], "rank_7": {"value": 1}}), b, "Result A has a metric 'rank_7'")
    refused(a, changed(b, request={**b.request, "options": {"ranks": "x"}}), "ranks")
    one, other = (evaluate(store, "verification", space=s, options=QUICK) for s in ("sharp", "dull"))
    refused(one, other, "Mode verification has no values per query")


def test_a_store_that_changed_or_another_store() -> None:
    rows = people(12, 3)
    a, b = both(two_spaces(rows), options=QUICK)
    with pytest.raises(InputError, match=r"no longer gives the draws of result A .*evaluate again"):
        of_files(two_spaces(rows[:-1]), a, b)
    relabelled = [{**row, "identity": "007" if row["identity"] == "003" else row["identity"]} for row in rows]
    with pytest.raises(InputError, match="no longer gives the draws"):
        of_files(two_spaces(relabelled), a, b)
    samples = sample_table(rows)
    other = MemoryStore(samples, {"alien": {"base": (samples.column("key").to_pylist(), vectors_of(rows))}})
    with pytest.raises(UnknownNameError, match=r"Result A is of space sharp, .*`store`"):
        compare_results(other, a, b)


def test_samples_of_a_split_set_that_are_gone(tmp_path: Path) -> None:
    rows = people(12, 3)
    store, smaller = two_spaces(rows), two_spaces(rows[:-1])
    a, b = both(store, split_set=csv_of(rows, tmp_path), options={"bootstrap": 10})
    for name in store.split_sets():
        smaller.save_splits(store.read_splits(name))
    with pytest.raises(InputError, match=r"1 of the 36 samples of split set .* are not in the store any more"):
        compare_results(smaller, a, b)


def test_vectors_that_changed_are_noticed() -> None:
    rows = people(12, 3)
    a, b = both(two_spaces(rows), options=QUICK)
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    spaces = {name: {"base": (keys, vectors_of(rows, seed=seed))} for seed, name in enumerate(("sharp", "dull"))}
    with pytest.raises(InputError, match=r"Result B says .* it has changed since; evaluate again"):
        compare_results(MemoryStore(samples, spaces), a, b)


def test_spaces_that_hold_different_images_are_refused() -> None:
    rows = people(12, 3)
    rows += [{**row, "source": "more"} for row in people(3, 3)]
    samples = sample_table(rows)
    keys, vectors = samples.column("key").to_pylist(), vectors_of(rows)
    spaces = {"all": {"base": (keys, vectors)}, "some": {"base": (keys[:36], vectors[:36])}}
    with pytest.raises(InputError, match="all and some get different draws"):
        compare(
            MemoryStore(samples, spaces), EvalRequest(mode="reid", space="all"), EvalRequest(mode="reid", space="some")
        )


def test_mirror_off_and_on_are_told_apart() -> None:
    store = two_spaces(hands())
    aspects = {"query_aspect": HAND_ASPECTS[0], "gallery_aspect": HAND_ASPECTS[2]}
    a, b = (
        evaluate(store, "reid", space="sharp", protocol="cross-aspect", options={**QUICK, **aspects, "mirror": mirror})
        for mirror in (False, True)
    )
    found = of_files(store, a, b)
    assert (found.a, found.b) == ("sharp mirror=false", "sharp mirror=true")


@pytest.mark.parametrize(("identities", "told"), [(5, True), (6, False)])
def test_fewer_than_six_identities_have_no_interval_and_it_is_told(identities: int, told: bool) -> None:  # noqa: FBT001
    store = two_spaces(people(identities, 4))
    options = {"bootstrap": 1000, "draws": 3}
    a, b = (EvalRequest(mode="reid", space=space, options=options) for space in ("sharp", "dull"))
    found = compare(store, a, b)
    told_of = [warning for warning in found.warnings if "Differences have no interval: with 5 identities" in warning]
    assert bool(told_of) == told
    assert all((each.metric.ci95 is None) == told for each in found.differences.values())
