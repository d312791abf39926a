from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.modes.reid import MODE
from eval.ranking.problem import ReidConfig
from eval.ranking.relations import settle
from eval.results.schema import Evaluation
from eval.seams.mode import Arrays
from retrieval.errors import InputError
from tests.support.ranking_problems import Problem, arrays, evaluate, golden, slow_metrics, slow_ranks
from tests.support.shared_data import SHARED, needs_shared


def values(evaluation: Evaluation) -> dict[str, float]:
    return {name: metric.value for name, metric in evaluation.metrics.items()}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"rank_1": 0.5, "rank_5": 0.9, "rank_10": 0.925, "mean_ap": 0.366015}),
        ({"camera_rule": "none"}, {"rank_1": 0.6, "rank_5": 0.9, "rank_10": 0.95, "mean_ap": 0.413747}),
        ({"camera_rule": "none", "ap_method": "trapezoid"}, {"rank_1": 0.6, "mean_ap": 0.393369}),
    ],
)
def test_golden_numbers(options: dict[str, Any], expected: dict[str, float]) -> None:
    found = values(evaluate(golden(), **options))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@needs_shared
@pytest.mark.parametrize(("method", "mean_ap"), [("trapezoid", 0.178000), ("step", 0.217137)])
def test_published_numbers_of_real_features(method: str, mean_ap: float) -> None:
    with np.load(SHARED / "vectors" / "sketch_reid_50x100.npz") as file:
        vectors = np.concatenate([file["query"], file["gallery"]]).astype(np.float32)
        identity = np.concatenate([file["query_identity"], file["gallery_identity"]]).astype(str).tolist()
        queries = len(file["query"])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    problem = Problem(vectors, identity, [None] * len(identity), queries)
    found = values(evaluate(problem, ap_method=method))
    expected = {"rank_1": 0.14, "rank_5": 0.36, "rank_10": 0.48, "mean_ap": mean_ap}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Few directions, so that many vectors are equal; distractors; identities that only one side has."""
    n, queries = draw(st.integers(2, 24)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    directions = rng.standard_normal((draw(st.integers(1, 12)), 24)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors = directions[rng.integers(0, len(directions), n + queries)]
    names: list[str | None] = ["a", "b", "c", "d", None]
    identity = [names[at] for at in rng.integers(0, len(names), n + queries)]
    camera: list[str | None] = [f"c{at}" for at in rng.integers(0, 3, n + queries)]
    return Problem(vectors, identity, camera, queries)


@settings(max_examples=300, deadline=None)
@given(problems(), st.sampled_from(["none", "market1501"]), st.sampled_from(["step", "trapezoid"]))
def test_equals_a_slow_independent_evaluator(problem: Problem, camera_rule: str, ap_method: str) -> None:
    # Equal vectors have equal scores here, because each distinct one is scored once.
    distinct, place = np.unique(problem.vectors, axis=0, return_inverse=True)
    scores = (distinct.astype(float) @ distinct.astype(float).T)[place][:, place]
    ranks = slow_ranks(problem, scores[: problem.queries, problem.queries :], camera_rule)
    options = {"camera_rule": camera_rule, "ap_method": ap_method, "bootstrap": 0}
    if not any(ranks):
        with pytest.raises(InputError):
            evaluate(problem, **options)
        return
    found = evaluate(problem, **options)
    assert values(found) == pytest.approx(slow_metrics(ranks, ap_method), abs=1e-9)
    without = sum(not found_ranks for found_ranks in ranks)
    assert found.n["query"] == problem.queries - without
    assert found.n["query_without_positive"] == without
    assert bool(found.warnings) >= (without > 0)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(240)))
def test_order_does_not_matter_where_nothing_is_tied(order: list[int]) -> None:
    config = ReidConfig(bootstrap=50)
    permuted = MODE.evaluate(*settle(arrays(golden(), order), config), np.random.default_rng(0))
    assert values(permuted) == pytest.approx(values(evaluate(golden())), abs=1e-12)


def test_all_the_same_vector_ranks_in_order_of_the_gallery() -> None:
    vectors = np.full((5, 4), 0.5, np.float32)
    problem = Problem(vectors, ["a", "b", "c", "a", "a"], [None] * 5, 1)
    assert values(evaluate(problem)) == pytest.approx(
        {"rank_1": 0, "rank_5": 1, "rank_10": 1, "mean_ap": (1 / 3 + 2 / 4) / 2, "mean_inp": 0.5}
    )


def test_every_query_counts_where_the_denominator_says_all() -> None:
    lonely = golden()._replace(identity=["nobody", None, *golden().identity[2:]])
    valid, everyone = evaluate(lonely), evaluate(lonely, denominator="all")
    assert everyone.n["query"] == 40
    for name, value in values(everyone).items():
        assert value == pytest.approx(values(valid)[name] * 38 / 40)
    assert "they count 0" in everyone.warnings[0]
    assert everyone.cmc is not None
    assert everyone.cmc[0] == everyone.metrics["rank_1"].value


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_isometries_change_nothing(seed: int) -> None:
    problem = golden()
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((16, 16)))
    turned = problem._replace(vectors=(problem.vectors @ turn).astype(np.float32))
    assert values(evaluate(turned, bootstrap=0)) == pytest.approx(values(evaluate(problem, bootstrap=0)), abs=1e-9)


def test_with_one_positive_each_trapezoid_is_the_mean_of_rank_1_and_step() -> None:
    problem = golden()
    first = [problem.identity.index(str(who), 40) for who in range(15)]
    rows = [*range(40), *first]
    one = Problem(problem.vectors[rows], [problem.identity[row] for row in rows], [None] * 55, 40)
    step, trapezoid = (values(evaluate(one, ap_method=method)) for method in ("step", "trapezoid"))
    assert trapezoid["mean_ap"] == pytest.approx((step["rank_1"] + step["mean_ap"]) / 2, abs=1e-12)


def test_one_identity_has_no_interval() -> None:
    found = evaluate(golden()._replace(identity=["a"] * 40 + ["a", "b"] * 100), camera_rule="none")
    assert found.metrics["rank_1"].ci95 is None
    assert "no interval" in found.warnings[0]


def test_the_curve_meets_the_ranks() -> None:
    found = evaluate(golden(), ranks="1,3", cmc_length=7)
    assert found.cmc is not None
    assert len(found.cmc) == 7
    assert (found.cmc[0], found.cmc[2]) == (found.metrics["rank_1"].value, found.metrics["rank_3"].value)


def test_parts_are_averaged_draw_by_draw_and_each_equals_its_own_run() -> None:
    whole = arrays(golden(), None)
    gallery = np.arange(40, 240)
    first = ({"query": np.arange(20), "gallery": gallery}, {"query": np.arange(10), "gallery": gallery})
    second = ({"query": np.arange(20, 40), "gallery": gallery}, {"query": np.arange(25, 40), "gallery": gallery})
    both = Arrays(whole.ids, whole.vectors, whole.columns, {"left": first, "right": second})
    found = MODE.evaluate(*settle(both, ReidConfig()), np.random.default_rng(0))
    assert found.parts is not None
    for name, draws in (("left", first), ("right", second)):
        alone = MODE.evaluate(
            *settle(Arrays(whole.ids, whole.vectors, whole.columns, {"": draws}), ReidConfig()),
            np.random.default_rng(0),
        )
        assert found.parts[name].metrics == alone.metrics
    means = [np.mean([found.parts[name].draws[d]["mean_ap"] for name in ("left", "right")]) for d in (0, 1)]
    metric = found.metrics["mean_ap"]
    assert metric.value == pytest.approx(np.mean(means))
    assert metric.sd_draws == pytest.approx(np.std(means, ddof=1))
    assert found.n["query"] == 15 + 17.5
    assert found.config["draws"] == 2


def test_views_are_combined() -> None:
    problem = arrays(golden())
    flipped = problem.vectors["base"][:, ::-1].copy()
    both = Arrays(problem.ids, {"base": problem.vectors["base"], "hflip": flipped}, problem.columns, problem.parts)
    total = problem.vectors["base"] + flipped
    summed = golden()._replace(vectors=total / np.linalg.norm(total, axis=1, keepdims=True))
    found = MODE.evaluate(*settle(both, ReidConfig.read({"views": "base,hflip"}, "test")), np.random.default_rng(0))
    assert values(found) == pytest.approx(values(evaluate(summed)), abs=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"ranks": "0"}, {"ranks": "a"}, {"ap_method": "stepp"}, {"draws": 0}, {"view": "base"}, {"bootstrap": -1}],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="test: "):
        ReidConfig.read(options, "test")


def test_an_index_that_is_not_exhaustive_is_refused_with_the_reason() -> None:
    assert ReidConfig.read({"index": "exact"}, "-o").index == "exact"
    with pytest.raises(InputError, match="index='hnsw' cannot be used: mAP and mINP need the rank of every positive"):
        ReidConfig.read({"index": "hnsw"}, "-o")
