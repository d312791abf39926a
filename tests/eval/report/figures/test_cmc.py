"""The CMC curve and its band."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.report.figures.cmc import cmc_bands, cmc_figure
from eval.runs.replay_ranking import replay
from retrieval.store.memory import MemoryStore
from retrieval.types import Float32
from tests.support.identity_stores import RankedStore, people, sample_table


def test_the_band_is_the_interval_of_the_result(world: RankedStore) -> None:
    store, result = world
    bands = cmc_bands(result, replay(store, result))
    assert result.parts is not None
    sections = {**{name: part.metrics for name, part in result.parts.items()}, "mean": result.metrics}
    for name, metrics in sections.items():
        band = bands[name]
        assert band.interval is not None
        for k in (1, 5, 10):
            metric = metrics[f"rank_{k}"]
            assert band.mean[k - 1] == pytest.approx(metric.value)
            assert metric.ci95 == pytest.approx(tuple(band.interval[k - 1]))


def store_of(rows: list[dict[str, Any]], vectors: Float32) -> MemoryStore:
    samples = sample_table(rows)
    return MemoryStore(samples, {"own": {"base": (samples.column("key").to_pylist(), vectors)}}, writable=True)


def test_the_axis_of_a_cmc_holds_the_band_and_ends_at_100() -> None:
    rows = people(15, 3)
    own = np.eye(15, dtype=np.float32)[[int(row["identity"]) for row in rows]]
    store = store_of(rows, own)
    result = evaluate(store, "reid", options={"draws": 2, "bootstrap": 50})
    ends = result.metrics["rank_1"].ci95
    assert result.metrics["rank_1"].value == 1
    assert ends is not None
    assert ends[0] < 0.9
    for axes in cmc_figure(result, replay(store, result)).axes:
        low, high = axes.get_ylim()
        assert 0 <= low <= 100 * ends[0]
        assert high == 100
