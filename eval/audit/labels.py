"""Suspected wrong labels: samples whose neighbours agree on another label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retrieval.types import Float32, Int64, Neighbors

MARGIN = 0.2
"""How much nearer the other label must be, in units of the typical distance, for a sample to be suspected.

A choice, not an estimate: it was made on the data it is described with. Twenty wrong identities were planted once
(one seed): of these 6 are found on drawn hands (random weights) beside one other suspect, 5 on real hands (Rank-1
.33 there) beside 39 others. Without the margin three to ten times as many are suspected. Twenty are too few to tell
5 from 8. So a suspect is a sample to look at, the worst first; with a weak encoder most errors are not found."""

NEIGHBOURS = 5
"""Neighbours that must all disagree with a label."""


class Suspects(NamedTuple):
    """Suspected samples: ``rows``, labels ``suggested`` by their neighbours, and the ``margin`` these are nearer by.

    ``witness`` is the nearest row of the suggested label. All are (s,).
    """

    rows: Int64
    suggested: Int64
    margin: Float32
    witness: Int64


def suspects(vectors: Float32, labels: Int64, neighbours: Neighbors, scale: float) -> Suspects:
    """Find samples with whose label none of their neighbours agrees.

    Sample i is suspected where (1) no neighbour has its label, (2) its two nearest share another one, (3) the mean
    cosine to these two is higher than the cosine to the nearest other sample of its label by ``MARGIN * scale``. A
    sample whose label no other has is never suspected.

    Args:
        vectors: (n, d) of length one.
        labels: (n,) numbers; -1 is unknown: such a sample is never suspected, and no witness.
        neighbours: of each row among the other rows, best first.
        scale: the typical cosine distance of two samples.
    """
    suspected = []
    order = np.argsort(labels, kind="stable")
    starts, ends = (np.searchsorted(labels[order], labels, side=side) for side in ("left", "right"))
    for row in np.flatnonzero(_disagree(labels, neighbours)).tolist():
        same_label = order[starts[row] : ends[row]]
        same_label = same_label[same_label != row]
        if not len(same_label):
            continue
        nearest = float((vectors[same_label] @ vectors[row]).max())
        margin = (float(neighbours.scores[row, :2].mean()) - nearest) / scale
        if margin >= MARGIN:
            witness = int(neighbours.rows[row, 0])
            suspected.append((row, int(labels[witness]), margin, witness))
    rows, suggested, margins, witnesses = zip(*suspected, strict=True) if suspected else ((), (), (), ())
    return Suspects(
        np.array(rows, np.int64),
        np.array(suggested, np.int64),
        np.array(margins, np.float32),
        np.array(witnesses, np.int64),
    )


def _disagree(labels: Int64, neighbours: Neighbors) -> np.ndarray:
    """Conditions (1) and (2) for every row: (n,) bool."""
    if neighbours.rows.shape[1] < 2:
        return np.zeros(len(labels), np.bool_)
    theirs = np.where(neighbours.rows >= 0, labels[neighbours.rows], -1)
    agreed = (theirs[:, 0] == theirs[:, 1]) & (theirs[:, 0] >= 0)
    return np.asarray(agreed & (labels >= 0) & (theirs != labels[:, None]).all(axis=1))
