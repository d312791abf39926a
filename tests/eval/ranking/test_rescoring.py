from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate as evaluate_store
from eval.modes.reid import MODE
from eval.ranking.problem import ReidConfig
from eval.ranking.rank_gallery import Side
from eval.ranking.relations import settle
from eval.ranking.rescoring import find_self_rows
from eval.results.schema import Evaluation
from eval.runs.replay_ranking import replay
from eval.seams.mode import Arrays
from retrieval.errors import InputError, TestDataError
from tests.support.identity_stores import memory_store, people
from tests.support.ranking_problems import arrays, evaluate, golden
from tests.support.sample_stores import unit


@pytest.mark.parametrize(
    ("options", "rank_1", "mean_ap"),
    [
        ({"rerank": "k-reciprocal"}, 0.575, 0.492123),
        ({"rerank": "k-reciprocal", "k1": 50, "k2": 15, "lambda": 0.3}, 0.55, 0.488356),
        ({"rerank": "none"}, 0.5, 0.366015),
    ],
)
def test_golden_numbers(options: dict[str, Any], rank_1: float, mean_ap: float) -> None:
    found = evaluate(golden(), **options)
    assert found.metrics["rank_1"].value == pytest.approx(rank_1, abs=1e-6)
    assert found.metrics["mean_ap"].value == pytest.approx(mean_ap, abs=1e-6)
    assert found.metrics["mean_ap"].ci95 is not None


def test_the_result_says_what_ranked_and_that_it_is_transductive() -> None:
    reciprocal = evaluate(golden(), rerank="k-reciprocal", bootstrap=0).config
    assert {
        "rerank": "k-reciprocal",
        "k1": 20,
        "k2": 6,
        "lambda": 0.3,
        "transductive": True,
    }.items() <= reciprocal.items()
    expansion = evaluate(golden(), rerank="alpha-qe", n=4, bootstrap=0).config
    assert {"rerank": "alpha-qe", "n": 4, "alpha": 3.0, "transductive": True}.items() <= expansion.items()
    plain = evaluate(golden(), bootstrap=0).config
    assert plain["rerank"] == plain["score_norm"] == "none"
    assert not {"k1", "k2", "lambda", "n", "alpha", "transductive"} & plain.keys()


def test_a_results_options_read_back_to_themselves() -> None:
    asked = ReidConfig.read({"rerank": "k-reciprocal", "k1": 9, "lambda": 0.2}, "test")
    written = asked.model_dump(mode="json")
    assert written.pop("transductive") is True
    assert ReidConfig.read(written, "test") == asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k1": 20}, "k1=20 cannot be used: it belongs to rerank=k-reciprocal"),
        ({"lambda": 0.3}, "lambda=0.3 cannot be used: it belongs to rerank=k-reciprocal"),
        ({"rerank": "k-reciprocal", "alpha": 3}, "alpha=3 cannot be used: it belongs to rerank=alpha-qe"),
        ({"rerank": "alpha-qe", "k2": 3}, "k2=3 cannot be used: it belongs to rerank=k-reciprocal"),
        ({"rerank": "k_reciprocal"}, "'k-reciprocal' or 'alpha-qe'"),
        ({"rerank": "k-reciprocal", "lambda": 1.5}, "lambda=1.5 cannot be used"),
        ({"rerank": "k-reciprocal", "lambda": float("nan")}, "lambda=nan cannot be used"),
        ({"rerank": "k-reciprocal", "k1": 0}, "k1=0 cannot be used"),
        ({"rerank": "alpha-qe", "score_norm": "z"}, "re-ranked scores are not normalised"),
        ({"lamda": 0.3}, "Did you mean 'lambda'"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(golden(), **options)


def normalised(norm: str, cohort_seed: int | None = None, tested_seed: int | None = None) -> Evaluation:
    """The golden problem; its last 40 images are the train split: 20 of a stranger, 20 of people who are tested."""
    given = arrays(golden())
    (draw,) = given.parts[""]
    gallery, stranger, tested = np.split(draw["gallery"], [160, 180])
    given.columns["identity"][stranger] = "stranger"
    for rows, seed in ((stranger, cohort_seed), (tested, tested_seed)):
        if seed is not None:
            given.vectors["base"][rows] = unit(20, seed=seed).vectors
    parts = {"": ({**draw, "gallery": gallery, "train": np.concatenate([stranger, tested])},)}
    config = ReidConfig.read({"score_norm": norm, "bootstrap": 0}, "test")
    return MODE.evaluate(
        *settle(Arrays(given.ids, given.vectors, given.columns, parts), config), np.random.default_rng(0)
    )


def test_score_norm_uses_strangers_of_the_train_split_alone() -> None:
    assert MODE.needs(ReidConfig.read({"score_norm": "z"}, "test")).held_out == ("train",)
    assert MODE.needs(ReidConfig()).held_out == ()
    plain, z, s = (normalised(norm) for norm in ("none", "z", "s"))
    assert len({found.metrics["mean_ap"].value for found in (plain, z, s)}) == 3
    assert normalised("z", tested_seed=1).metrics == z.metrics
    assert normalised("z", cohort_seed=1).metrics != z.metrics
    assert z.label_universe == plain.label_universe


def test_score_norm_without_a_clean_cohort_is_refused() -> None:
    with pytest.raises(InputError, match="no sample of a known identity has split 'train'"):
        evaluate(golden(), score_norm="z")
    given = arrays(golden())
    (draw,) = given.parts[""]
    given = Arrays(given.ids, given.vectors, given.columns, {"": ({**draw, "train": draw["gallery"]},)})
    with pytest.raises(TestDataError, match="also tested"):
        MODE.evaluate(*settle(given, ReidConfig.read({"score_norm": "s"}, "test")), np.random.default_rng(0))


def test_own_rows_find_the_sample_that_asks() -> None:
    def side(samples: list[int] | None) -> Side:
        rows = None if samples is None else np.array(samples)
        n = 4 if samples is None else len(samples)
        return Side(unit(n).vectors, np.zeros(n, np.int64), sample=rows)

    found = find_self_rows(side([5, 2, 9]), side([9, 7, 5, 1]))
    assert found is not None
    assert found.tolist() == [2, -1, 0]
    assert find_self_rows(side(None), side([1])) is None


@pytest.mark.parametrize("protocol", ["monte-carlo", "leave-one-out"])
@pytest.mark.parametrize(
    "options", [{"rerank": "k-reciprocal", "k1": 5, "lambda": 0.2}, {"rerank": "alpha-qe", "n": 3}]
)
def test_pictures_show_the_re_ranking(protocol: str, options: dict[str, Any]) -> None:
    store = memory_store(people(14, 4, group=None))
    result = evaluate_store(store, "reid", protocol=protocol, options={**options, "bootstrap": 20})
    plain = evaluate_store(store, "reid", protocol=protocol, options={"bootstrap": 20})
    assert result.metrics != plain.metrics
    rankings = replay(store, result).rankings[""]
    firsts = [float((ranking.first_ranks == 1).mean()) for ranking in rankings]
    assert firsts == pytest.approx([draw["rank_1"] for draw in result.draws])
    for ranking in rankings[:2]:
        heads = ranking.best(range(len(ranking.query)), 1)
        found = ranking.gallery_side.identity[[head.places[0] for head in heads]]
        assert (found == ranking.query_side.identity).tolist() == (ranking.first_ranks == 1).tolist()


def test_score_norm_through_the_runner_takes_the_train_split() -> None:
    rows = people(16, 3)
    for at, row in enumerate(rows):
        row["split"] = "train" if at < 15 else "test"
    store = memory_store(rows)
    result = evaluate_store(store, "reid", protocol="monte-carlo", options={"score_norm": "s", "bootstrap": 0})
    assert result.config["score_norm"] == "s"
    assert result.label_universe.n == 11
    assert result.metrics["mean_ap"].value > 0
    with pytest.raises(InputError, match="score_norm are not made again"):
        replay(store, result)
