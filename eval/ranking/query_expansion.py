"""Alpha query expansion (Radenovic, Tolias, Chum: TPAMI 2019, arXiv:1711.02512).

A query asks again with the sum of itself and its n nearest gallery images x, each weighted by (cosine of q and x) to
the power alpha, normalised. With alpha 0 it is average query expansion (Chum et al., ICCV 2007). The paper does not
meet negative cosines; ours count as 0. Junk rules apply to the ranking that comes out, not to the neighbours. The
gallery's own structure is used, other queries are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eval.ranking.k_reciprocal import best_columns
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64


class Expansion(NamedTuple):
    """Parameters: ``n`` >= 1 neighbours, ``alpha`` >= 0."""

    n: int = 10
    alpha: float = 3.0


def expanded_blocks(
    queries: Float32, gallery: Float32, settings: Expansion, own: Int64 | None = None
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)): cosines of the expanded queries, block by block.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        settings: how many neighbours, and the exponent.
        own: (n,) row of the gallery that is the query itself, -1 for none: it is no neighbour.
    """
    yield from similarity_blocks(expand_queries(queries, gallery, settings, own), gallery)


def expand_queries(queries: Float32, gallery: Float32, settings: Expansion, own: Int64 | None = None) -> Float32:
    """Queries (n, d) of length one, expanded; arguments as of :func:`expanded_blocks`."""
    expanded = queries.copy()
    for start, scores in similarity_blocks(queries, gallery):
        for row, line in enumerate(scores):
            query = start + row
            if own is not None and own[query] >= 0:
                line[own[query]] = -np.inf
            best = best_columns(line, settings.n)
            best = best[line[best] > -np.inf]
            expanded[query] += np.maximum(line[best], 0) ** np.float32(settings.alpha) @ gallery[best]
    norms = np.sqrt(np.einsum("ij,ij->i", expanded, expanded))
    expanded /= np.maximum(norms, np.float32(1e-12))[:, None]
    return expanded
