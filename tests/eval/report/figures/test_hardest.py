"""Identities that rank worst."""

from __future__ import annotations

import pytest

from eval.report.figures.hardest import identity_ranks
from eval.runs.replay_ranking import replay
from tests.support.identity_stores import RankedStore


def test_hardest_identities_are_in_order_and_counted(world: RankedStore) -> None:
    store, result = world
    found = identity_ranks(replay(store, result))
    assert len(found) == 12
    assert [one.mean_rank for one in found] == sorted((one.mean_rank for one in found), reverse=True)
    assert sum(one.queries for one in found) == 12 * 3 * 2 * 3
    assert sum(one.right for one in found) / 216 == pytest.approx(result.metrics["rank_1"].value)
