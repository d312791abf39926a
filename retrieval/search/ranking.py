"""From neighbours among vectors to hits: samples, or groups of them by their best sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.search.gallery import ROW, Gallery
from retrieval.search.request import GroupBy
from retrieval.search.result import Hit
from retrieval.types import Float32, Int64, Neighbors


def rank(
    gallery: Gallery, vectors: Float32, k: int, group_by: GroupBy | None, barred: Sequence[Mapping[str, Any]] = ()
) -> tuple[list[Hit], bool]:
    """Find the k samples or groups nearest to any of the query vectors.

    Args:
        gallery: what is searched.
        vectors: (q, d) float32 of length 1; a sample's score is the best over them.
        k: how many.
        group_by: rank the values of this column by their best sample; samples without one are left out.
        barred: samples that may not be found.

    Returns:
        The hits, best first, and whether the search was exhaustive.
    """
    plan = gallery.plan(barred)
    ids = frozenset(row["id"] for row in barred)
    if not plan.remaining:
        return [], plan.index.exhaustive
    exclude = [plan.exclude] * len(vectors) if len(plan.exclude) else None
    width = k if len(vectors) == 1 else 2 * k
    while True:  # wider and wider, until the k best are certain
        found = plan.index.search(vectors, min(width, plan.remaining), exclude)
        positions, scores = _samples(gallery, found)
        rows = gallery.samples.take(positions).to_pylist()
        hits = _hits(rows, scores.tolist(), k, group_by, ids)
        if width >= plan.remaining or (len(hits) == k and hits[-1].score > _unseen(found)):
            return hits, plan.index.exhaustive
        width *= 4


def _unseen(found: Neighbors) -> float:
    """The best score that a row outside some query's list may still have.

    With one query the list itself is final (ties included), so nothing outside it matters.
    """
    return -np.inf if len(found.scores) == 1 else float(found.scores[:, -1].max())


def _samples(gallery: Gallery, found: Neighbors) -> tuple[Int64, Float32]:
    """From rows to samples (several may share a row): best first, the best score over all queries."""
    there = found.rows >= 0
    rows, owners = np.unique(found.rows[there], return_inverse=True)
    best = np.full(len(rows), -np.inf, np.float32)
    np.maximum.at(best, owners, found.scores[there])
    positions, of_row = gallery.samples_at(rows)
    scores = best[of_row]
    order = np.lexsort((positions, -scores))
    return positions[order], scores[order]


def _hits(
    rows: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    k: int,
    group_by: GroupBy | None,
    barred: frozenset[str],
) -> list[Hit]:
    hits: list[Hit] = []
    seen: set[str] = set()
    for row, score in zip(rows, scores, strict=True):
        if len(hits) == k:
            break
        if row["id"] in barred:
            continue
        group = row[group_by] if group_by else None
        if group_by:
            if group is None or group in seen:
                continue
            seen.add(group)
        sample = {name: value for name, value in row.items() if name != ROW}
        hits.append(Hit(len(hits) + 1, score, sample, group))
    return hits
