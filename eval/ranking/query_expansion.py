"""Alpha query expansion (Radenovic, Tolias, Chum: TPAMI 2019, arXiv:1711.02512).

A query q is replaced by the sum of itself and its n nearest gallery samples x, each weighted by (cosine of q and x) to
the power alpha, and normalised. With alpha 0 this is average query expansion (Chum et al., ICCV 2007). Negative
cosines, which the paper does not consider, count as 0. Junk rules apply to the final ranking, not to the neighbours.
Other queries have no influence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eval.ranking.neighbours import best_columns
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64


class QueryExpansion(NamedTuple):
    """Parameters: ``n`` >= 1 neighbours, and the exponent ``alpha`` >= 0."""

    n: int = 10
    alpha: float = 3.0


def expanded_blocks(
    queries: Float32, gallery: Float32, settings: QueryExpansion, self_rows: Int64 | None = None
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)): cosines of the expanded queries, block by block.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        settings: number of neighbours, and the exponent.
        self_rows: (n,) gallery row of the query itself, -1 for none; it is no neighbour.
    """
    yield from similarity_blocks(expand_queries(queries, gallery, settings, self_rows), gallery)


def expand_queries(
    queries: Float32, gallery: Float32, settings: QueryExpansion, self_rows: Int64 | None = None
) -> Float32:
    """Compute the expanded queries (n, d), of length one; arguments as of :func:`expanded_blocks`."""
    expanded = queries.copy()
    for start, scores in similarity_blocks(queries, gallery):
        for row, line in enumerate(scores):
            query = start + row
            if self_rows is not None and self_rows[query] >= 0:
                line[self_rows[query]] = -np.inf
            best = best_columns(line, settings.n)
            best = best[line[best] > -np.inf]
            expanded[query] += np.maximum(line[best], 0) ** np.float32(settings.alpha) @ gallery[best]
    norms = np.sqrt(np.einsum("ij,ij->i", expanded, expanded))
    expanded /= np.maximum(norms, np.float32(1e-12))[:, None]
    return expanded
