"""Suspected wrong labels: samples whose neighbours agree on another label."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from retrieval.types import Float32, Int64, Neighbors

MARGIN = 0.2
"""How much nearer the other label must be, in units of the typical distance, for a sample to be suspected.

A choice, not an estimate: it was made on the data it is described with. Twenty wrong identities were planted once
(one seed): of these 6 are found on drawn hands (random weights) beside one other suspect, 5 on real hands (Rank-1
.33 there) beside 39 others. Without the margin three to ten times as many are suspected. Twenty are too few to tell
5 from 8. So a suspect is a sample to look at, the worst first; with a weak encoder most errors are not found."""

FEW_OF_A_LABEL = 20_000
"""Samples of a label up to which a suspect is compared with all of them."""

BLOCK_BYTES = 1 << 25
"""Bytes of a block of cosines."""

NEIGHBOURS = 5
"""Neighbours that must all disagree with a label."""


Nearest: TypeAlias = Callable[[Float32, int], Neighbors]
"""A function from vectors (n, d) and k to the k nearest other rows of each."""


class Suspects(NamedTuple):
    """Suspected samples: ``rows``, labels ``suggested`` by their neighbours, and the ``margin`` these are nearer by.

    ``witness`` is the nearest row of the suggested label. All are (s,).
    """

    rows: Int64
    suggested: Int64
    margin: Float32
    witness: Int64


def suspects(
    vectors: Float32, labels: Int64, neighbours: Neighbors, scale: float, nearest: Nearest | None = None
) -> Suspects:
    """Find samples with whose label none of their neighbours agrees.

    Sample i is suspected where (1) no neighbour has its label, (2) its two nearest share another one, (3) the mean
    cosine to these two is higher than the cosine to the nearest other sample of its label by ``MARGIN * scale``. A
    sample whose label no other has is never suspected.

    Args:
        vectors: (n, d) of length one.
        labels: (n,) numbers; -1 is unknown: such a sample is never suspected, and no witness.
        neighbours: of each row among the other rows, best first.
        scale: the typical cosine distance of two samples.
        nearest: finds neighbours of the vectors of one label among themselves, for more than
            :data:`FEW_OF_A_LABEL`; without it all are compared.
    """
    rows = np.flatnonzero(_disagree(labels, neighbours))
    same = _nearest_of_label(vectors, labels, rows, nearest)
    margins = (neighbours.scores[rows, :2].mean(axis=1) - same) / scale
    suspected = np.isfinite(margins) & (margins >= MARGIN)
    rows, margins = rows[suspected], margins[suspected].astype(np.float32)
    witnesses = neighbours.rows[rows, 0]
    return Suspects(rows, labels[witnesses], margins, witnesses)


def _nearest_of_label(vectors: Float32, labels: Int64, rows: Int64, nearest: Nearest | None) -> Float32:
    """Cosines (r,) of rows to the nearest other sample of their label; -inf for labels of one sample."""
    cosines = np.full(len(rows), -np.inf, np.float32)
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    for label in np.unique(labels[rows]).tolist():
        members = order[slice(*np.searchsorted(ordered, [label, label + 1]))]
        at = np.flatnonzero(labels[rows] == label)
        if len(members) < 2:
            continue
        if nearest is not None and len(members) > FEW_OF_A_LABEL:
            cosines[at] = nearest(vectors[members], 1).scores[np.searchsorted(members, rows[at]), 0]
            continue
        others = vectors[members]
        step = max(1, BLOCK_BYTES // (4 * len(members)))
        for start in range(0, len(at), step):
            block = at[start : start + step]
            products = vectors[rows[block]] @ others.T
            products[rows[block][:, None] == members] = -np.inf
            cosines[block] = products.max(axis=1)
    return cosines


def _disagree(labels: Int64, neighbours: Neighbors) -> np.ndarray:
    """Conditions (1) and (2) for every row: (n,) bool."""
    if neighbours.rows.shape[1] < 2:
        return np.zeros(len(labels), np.bool_)
    theirs = np.where(neighbours.rows >= 0, labels[neighbours.rows], -1)
    agreed = (theirs[:, 0] == theirs[:, 1]) & (theirs[:, 0] >= 0)
    return np.asarray(agreed & (labels >= 0) & (theirs != labels[:, None]).all(axis=1))
