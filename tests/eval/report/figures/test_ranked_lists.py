"""Sheets show what the evaluator ranked."""

from __future__ import annotations

import numpy as np
import pytest

from eval.api import evaluate
from eval.report.figures.ranked_lists import choose_queries, ranked_lists
from eval.runs.replay_ranking import replay
from tests.support.identity_stores import RankedStore, memory_store, people


@pytest.fixture
def camera_world() -> RankedStore:
    rows = people(10, 5)
    for at, row in enumerate(rows):
        row["camera"] = f"c{at % 3}"
        row["split"] = "gallery" if at % 5 else "query"
    store = memory_store(rows)
    return store, evaluate(store, "reid", options={"camera_rule": "market1501", "bootstrap": 50})


@pytest.mark.parametrize("name", ["world", "camera_world"])
def test_sheets_show_the_ranking_of_the_metric(name: str, request: pytest.FixtureRequest) -> None:
    store, result = request.getfixturevalue(name)
    again = replay(store, result)
    for draws in again.rankings.values():
        for ranking in draws:
            everything = choose_queries(ranking, 0, per_rule=10**6)
            assert sorted(one.at for one in everything) == np.flatnonzero(ranking.first_ranks > 0).tolist()
            for one in ranked_lists(ranking, everything, k=10**6):
                kinds = [tile.kind for tile in one.tiles]
                assert kinds.index("right") + 1 == one.first_rank
                scores = [tile.score for tile in one.tiles]
                assert scores == sorted(scores, reverse=True)
    first = np.concatenate([r.first_ranks for draws in again.rankings.values() for r in draws])
    if name == "camera_world":
        assert float((first[first > 0] == 1).mean()) == pytest.approx(result.metrics["rank_1"].value)


def test_queries_are_chosen_by_their_rule(world: RankedStore) -> None:
    store, result = world
    ranking = replay(store, result).rankings["dorsal left"][0]
    chosen = choose_queries(ranking, 0)
    assert [one.rule for one in chosen] == ["hardest"] * 2 + ["median"] * 2 + ["random"] * 2
    assert len({one.at for one in chosen}) == 6
    assert ranking.first_ranks[chosen[0].at] == ranking.first_ranks.max()
    assert choose_queries(ranking, 0) == chosen
