"""Galleries: what is searched, what is passed over, in which order ties stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError
from retrieval.search.gallery import COLUMNS, FEW, ROW, Gallery
from retrieval.search.ranking import rank

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64


def gallery(rows: list[int], n: int) -> Gallery:
    ids = [f"s{at:03d}" for at in range(len(rows))]
    columns = {name: pa.array(ids if name == "id" else ["x"] * len(rows)) for name in COLUMNS}
    return Gallery(pa.table(columns | {ROW: pa.array(rows, pa.int64())}), data(n))


def data(n: int) -> Float32:
    raw = np.random.default_rng(0).integers(-1, 2, (n, 3)).astype(np.float32)  # coarse: many ties
    raw[(raw == 0).all(axis=1)] = 1
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def slow_rank(rows: Int64, vectors: Float32, query: Float32, k: int, barred: set[str]) -> list[str]:
    """Every sample by itself: the best score first, then the first place."""
    scores = [np.float32(query.astype(np.float64) @ vectors[row].astype(np.float64)) for row in rows]
    order = sorted(range(len(rows)), key=lambda at: (-scores[at], at))
    return [name for name in (f"s{at:03d}" for at in order) if name not in barred][:k]


def test_samples_without_a_vector_are_counted_and_left_out() -> None:
    assert (len(gallery([0, -1, 2], 3)), gallery([0, -1, 2], 3).without_vector) == (2, 1)
    with pytest.raises(InputError, match="the space has no vectors"):
        gallery([-1], 1)


def test_samples_at_gives_all_that_share_a_row() -> None:
    positions, owners = gallery([2, 0, 2, 1], 4).samples_at(np.array([2, 3, 1]))
    assert (positions.tolist(), owners.tolist()) == ([0, 2, 3], [0, 0, 2])


@pytest.mark.parametrize("n_barred", [1, 3, FEW + 40])
@pytest.mark.parametrize("seed", range(8))
def test_ties_and_twins_equal_a_slow_reference(seed: int, n_barred: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 150, 260)
    searched = gallery(rows.tolist(), 160)
    query = data(160)[rng.integers(160)]
    who = rng.choice(260, n_barred, replace=False)
    names = {f"s{at:03d}" for at in who}
    barred = [{"id": f"s{at:03d}", ROW: int(rows[at])} for at in who]
    for k in (1, 4, 30):
        hits, exhaustive = rank(searched, query[None], k, None, barred)
        assert [hit.sample["id"] for hit in hits] == slow_rank(rows, data(160), query, k, names)
        assert exhaustive


def test_everything_may_be_barred() -> None:
    hits, _ = rank(gallery([0, 1], 2), data(2)[:1], 3, None, [{"id": f"s00{at}", ROW: at} for at in range(2)])
    assert hits == []
