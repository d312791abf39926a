"""Ranking by several query vectors and by groups, beside a slow reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.search.searcher import search
from retrieval.types import Embeddings
from tests.support.sample_stores import store_with

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore


def slow_max(store: LanceStore, identity: str, k: int, group_by: str | None) -> list[tuple[str, float]]:
    """Best score over all query images, one sample after the other, then the best of each group."""
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space())
        rows = snapshot.samples(["id", "key", "identity"]).to_pylist()
    at = {key.decode(): row for key, row in zip(matrix.keys, matrix.data.astype(np.float64), strict=True)}
    queries = [at[row["key"]] for row in rows if row["identity"] == identity]
    scored = [
        (-max(np.float32(query @ at[row["key"]]) for query in queries), row["id"], row["identity"])
        for row in rows
        if row["identity"] != identity
    ]
    found: list[tuple[str, float]] = []
    seen: set[str] = set()
    for score, sample, group in sorted(scored):
        if group_by is None or group not in seen:
            seen.add(group)
            found.append((sample, -float(score)))
    return found[:k]


@pytest.mark.parametrize("group_by", [None, "identity"])
@pytest.mark.parametrize("seed", range(6))
def test_best_of_each_equals_a_slow_reference(tmp_path: Path, seed: int, group_by: str | None) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((62, 3))
    raw[:25] = raw[0] + 0.05 * rng.standard_normal((25, 3))
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    who = [f"p{at}" for at in [0, 1, 2, 0, *rng.integers(1, 12, 58)]]
    store, _ = store_with(
        tmp_path / "s",
        [f"n{at:02d}" for at in range(62)],
        Embeddings(raw.astype(np.float32), np.ones(62, np.float32)),
        identity=who,
    )
    for k in (1, 2, 5, 9):
        found = search(store, identity="p0", k=k, combine="max", group_by=group_by)
        want = slow_max(store, "p0", k, group_by)
        assert [hit.sample["id"] for hit in found.hits] == [sample for sample, _ in want]
        np.testing.assert_allclose([hit.score for hit in found.hits], [score for _, score in want], rtol=1e-6)


def test_groups_are_ranked_by_their_best_image(circle_store: LanceStore) -> None:
    result = search(circle_store, id="n1", k=3, group_by="label")
    assert [(hit.group, hit.sample["id"]) for hit in result.hits] == [("a", "a1"), ("b", "b1"), ("c", "c1")]
    assert [hit.rank for hit in result.hits] == [1, 2, 3]
