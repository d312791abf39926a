"""How well vectors of held-out identities find each other: the score by which an epoch is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64
    from training.jobs.reid.recipe import HeldOutConfig


LEAST = 2
"""So many held-out identities must have queries for a score."""


def identities_with_queries(identities: Int64) -> Int64:
    """The different values of identities (n,) that two images or more have, ascending."""
    values, counts = np.unique(identities, return_counts=True)
    several: Int64 = values[counts > 1]
    return several


def held_out_metrics(vectors: Float32, identities: Int64, how: HeldOutConfig, seed: int) -> dict[str, float]:
    """Rank-1 and mean average precision (``step``) over all queries that have a positive.

    Ties go by the order of the images. Images of identities with one image are in the gallery only. Of a single
    identity with queries there is no score: with nobody to be confused with, every ranking of it is right.

    Args:
        vectors: (n, d) of length 1.
        identities: (n,).
        how: every image against all others, or against one random image of each identity.
        seed: seed of these images.

    Returns:
        ``rank_1`` and ``mean_ap``; empty if the images of fewer than two identities have a positive.
    """
    scores = vectors @ vectors.T
    several = identities_with_queries(identities)
    queries = np.flatnonzero(np.isin(identities, several))
    if len(several) < LEAST:
        return {}
    if how.gallery == "leave_one_out":
        galleries = [np.arange(len(vectors))]
    else:
        rng = np.random.default_rng(seed)
        galleries = [one_of_each(identities, rng) for _ in range(how.draws)]
    hits, precisions = [], []
    for gallery in galleries:
        asking = queries if how.gallery == "leave_one_out" else np.setdiff1d(queries, gallery)
        for query in asking:
            columns = gallery[gallery != query]
            order = columns[np.argsort(-scores[query, columns], kind="stable")]
            ranks = np.flatnonzero(identities[order] == identities[query]) + 1
            hits.append(ranks[0] == 1)
            precisions.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
    return {"rank_1": float(np.mean(hits)), "mean_ap": float(np.mean(precisions))}


def one_of_each(identities: Int64, rng: np.random.Generator) -> Int64:
    """Draw one row of every identity; ascending."""
    order = rng.permutation(len(identities))
    return np.sort(order[np.unique(identities[order], return_index=True)[1]])
