"""Rank samples, or groups of samples by their best sample, from the neighbours of query vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.search.gallery import ROW, Gallery
from retrieval.search.request import GroupBy
from retrieval.search.result import Hit
from retrieval.types import Float32, Int64, Neighbors


def rank(
    gallery: Gallery, vectors: Float32, k: int, group_by: GroupBy | None, excluded: Sequence[Mapping[str, Any]] = ()
) -> tuple[list[Hit], bool]:
    """Find the k samples or groups of highest score.

    Args:
        gallery: the searched samples.
        vectors: (q, d) float32 of length 1; the score of a sample is the highest over all query vectors.
        k: number of hits.
        group_by: column whose values are ranked by their best sample; samples without a value are left out. None ranks
            samples.
        excluded: samples that are not returned.

    Returns:
        The hits, best first, and whether every vector was compared.
    """
    plan = gallery.plan(excluded)
    ids = frozenset(row["id"] for row in excluded)
    if not plan.remaining:
        return [], True
    width = k if len(vectors) == 1 else 2 * k
    while True:  # the width grows until no other row can be among the k best
        neighbors, exhaustive = plan.search(vectors, min(width, plan.remaining))
        positions, scores = _samples(gallery, neighbors)
        rows = gallery.samples.take(positions).to_pylist()
        hits = _hits(rows, scores.tolist(), k, group_by, ids)
        if width >= plan.remaining or (len(hits) == k and hits[-1].score > _unseen_bound(neighbors)):
            return hits, exhaustive
        width *= 4


def _unseen_bound(neighbors: Neighbors) -> float:
    """Return an upper bound of the scores of rows that are in no query's list.

    With one query the list is final, ties included, so the bound is -inf.
    """
    return -np.inf if len(neighbors.scores) == 1 else float(neighbors.scores[:, -1].max())


def _samples(gallery: Gallery, neighbors: Neighbors) -> tuple[Int64, Float32]:
    """Return positions and scores of the samples with the neighbours' rows, best first.

    Several samples may have the same row. Scores are the highest over all queries.
    """
    valid = neighbors.rows >= 0
    rows, owners = np.unique(neighbors.rows[valid], return_inverse=True)
    best = np.full(len(rows), -np.inf, np.float32)
    np.maximum.at(best, owners, neighbors.scores[valid])
    positions, row_indices = gallery.samples_at(rows)
    scores = best[row_indices]
    order = np.lexsort((positions, -scores))
    return positions[order], scores[order]


def _hits(
    rows: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    k: int,
    group_by: GroupBy | None,
    excluded: frozenset[str],
) -> list[Hit]:
    """Return the first k hits of samples, sorted by score, or of their groups; ``excluded`` are ids."""
    hits: list[Hit] = []
    groups: set[str] = set()
    for row, score in zip(rows, scores, strict=True):
        if len(hits) == k:
            break
        if row["id"] in excluded:
            continue
        group = row[group_by] if group_by else None
        if group_by:
            if group is None or group in groups:
                continue
            groups.add(group)
        sample = {name: value for name, value in row.items() if name != ROW}
        hits.append(Hit(len(hits) + 1, score, sample, group))
    return hits
