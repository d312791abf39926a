from __future__ import annotations

import numpy as np
import pytest

from eval.ranking import rank_gallery as ranked
from eval.ranking.rank_gallery import Side, rank_queries
from eval.scorers import similarity
from retrieval.types import Float32, Int64
from tests.support.ranking_metrics import query_ranks


def unit(raw: Float32) -> Float32:
    vectors: Float32 = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def random_sides(seed: int) -> tuple[Side, Side]:
    """Few directions, so that scores are tied; unknown codes; every rule there or not; samples on both sides."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    queries, gallery = rng.permutation(n)[: rng.integers(1, n + 1)], rng.permutation(n)[: rng.integers(1, n + 1)]
    vectors = unit(rng.integers(-1, 2, (n, 3)) + np.float32(0.1))
    identity, camera, group = rng.integers(-1, 5, n), rng.integers(-1, 3, n), rng.integers(-1, 4, n)
    by_camera, by_group, by_sample = rng.random(3) < 0.5

    def side(rows: Int64) -> Side:
        return Side(
            vectors[rows],
            identity[rows],
            camera[rows] if by_camera else None,
            group[rows] if by_group else None,
            rows if by_sample else None,
        )

    return side(queries), side(gallery)


def agree(queries: Int64 | None, gallery: Int64 | None, query: int, row: int) -> bool:
    """Whether both sides have a code there, and the same."""
    return queries is not None and gallery is not None and 0 <= queries[query] == gallery[row]


def slow_query(queries: Side, gallery: Side, query: int) -> tuple[list[int], list[int], int]:
    """Valid positives, junk, and positives before junk (but not the query itself), entry after entry."""
    positives, junk, total = [], [], 0
    for row in range(len(gallery.vectors)):
        same, camera, group, itself = (
            agree(asked, known, query, row) for asked, known in zip(queries[1:], gallery[1:], strict=True)
        )
        total += same and not itself
        if itself or group or (same and camera):
            junk.append(row)
        elif same:
            positives.append(row)
    return positives, junk, total


@pytest.mark.parametrize("cells", [1, 70, 1 << 20])
def test_positives_and_junk_are_those_of_a_walk_through_the_gallery(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    """Whatever rows are ranked at a time."""
    monkeypatch.setattr(ranked, "CELLS_AT_ONCE", cells)
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 4 * 100)
    for seed in range(150):
        queries, gallery = random_sides(seed)
        found = rank_queries(queries, gallery)
        blocks = similarity.similarity_blocks(queries.vectors, gallery.vectors)
        scores = np.concatenate([part.copy() for _, part in blocks])
        assert len(found.ranks.counts) == len(found.positive_counts) == len(scores)
        for query, placed in enumerate(found.ranks.queries()):
            positives, junk, total = slow_query(queries, gallery, query)
            scores[query, junk] = -np.inf
            expected = query_ranks(scores[query], np.array(positives, np.int64))
            assert [column.tolist() for column in placed] == [column.tolist() for column in expected], seed
            assert found.positive_counts[query] == total, seed


def test_nothing_to_ask_and_nothing_to_rank() -> None:
    vectors, nothing = unit(np.ones((2, 4), np.float32)), np.empty((0, 4), np.float32)
    full, empty = Side(vectors, np.array([0, 1])), Side(nothing, np.empty(0, np.int64))
    assert rank_queries(empty, full).ranks.queries() == []
    found = rank_queries(full, empty)
    assert found.ranks.counts.tolist() == [0, 0]
    assert found.positive_counts.tolist() == [0, 0]
