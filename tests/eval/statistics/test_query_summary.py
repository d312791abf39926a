"""Means over queries, parts and draws, and what is said of their spread."""

from __future__ import annotations

import numpy as np
import pytest

from eval.statistics.query_summary import DrawTable, mean_counts, summarise


def table(values: list[float], units: list[int]) -> DrawTable:
    return DrawTable(np.array(values)[:, None], np.array(units))


def test_queries_are_averaged_within_a_part_then_parts_then_draws() -> None:
    parts = [
        [table([1, 0, 0, 0], [0, 0, 1, 1]), table([1, 1], [0, 1])],
        [table([1], [2]), table([0, 0, 0.5, 0.5], [2, 2, 3, 3])],
    ]
    found = summarise(["m"], parts, 0, np.random.default_rng(0))
    per_draw = [(0.25 + 1) / 2, (1 + 0.25) / 2]
    assert [draw["m"] for draw in found.draws] == per_draw
    assert found.metrics["m"].value == np.mean(per_draw)
    assert found.metrics["m"].sd_draws == np.std(per_draw, ddof=1) == 0
    assert found.metrics["m"].ci95 is None


def test_a_part_alone_has_the_interval_it_has_beside_others() -> None:
    rng = np.random.default_rng(3)
    draws = [table(list(rng.random(30)), list(np.arange(30) // 3)) for _ in range(2)]
    start = np.random.default_rng(1)
    first, again = (summarise(["m"], [draws], 200, start) for _ in range(2))
    assert first == again
    ends = first.metrics["m"].ci95
    assert ends is not None
    assert ends[0] < first.metrics["m"].value < ends[1]


def test_one_draw_has_no_deviation_between_draws() -> None:
    found = summarise(["m"], [[table([0.2, 0.4], [0, 1])]], 0, np.random.default_rng(0))
    assert found.metrics["m"].value == pytest.approx(0.3)
    assert found.metrics["m"].sd_draws is None


def test_mean_counts_are_whole_where_they_can_be() -> None:
    counts = mean_counts([{"query": 3, "gallery": 4}, {"query": 5, "gallery": 5}])
    assert counts == {"query": 4, "gallery": 4.5}
    assert [type(value) for value in counts.values()] == [int, float]
