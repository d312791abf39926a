"""Prototypes of the labels of a store: the mean vectors of their samples, of which a sample does not count itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Float32, Int64

BLOCK = 8192
"""Vectors in memory at one time."""


@dataclass(frozen=True, slots=True)
class StoredPrototypes:
    """Sums of the vectors of c labels.

    Attributes:
        sums: (c, d) float64.
        counts: (c,) numbers of their samples.
        codes: (n,) label of each sample of the store, -1 without one.
    """

    sums: np.ndarray
    counts: Int64
    codes: Int64

    def nearest(self, samples: Int64, stored: Float32, vectors: Float32) -> Int64:
        """Return the prototype (m,) of highest cosine for each of m samples.

        Args:
            samples: (m,) rows of the samples in the store.
            stored: (m, d) their stored vectors, which are taken out of the sums of their labels.
            vectors: (m, d) the vectors that are compared.
        """
        lengths = np.linalg.norm(self.sums, axis=1)
        scores = vectors.astype(np.float64) @ (self.sums / np.where(lengths > 0, lengths, 1)[:, None]).T
        for row, (sample, vector) in enumerate(zip(samples, vectors, strict=True)):
            code = self.codes[sample]
            if code >= 0:
                others = self.sums[code] - stored[row]
                length = np.linalg.norm(others)
                alone = self.counts[code] < 2 or length == 0
                scores[row, code] = -np.inf if alone else vector.astype(np.float64) @ others / length
        return np.asarray(scores.argmax(axis=1), np.int64)


def prototypes_of(labels: Sequence[str | None], rows: Int64, data: Float32) -> StoredPrototypes | None:
    """Sum the stored vectors of each label.

    Args:
        labels: labels of n samples.
        rows: (n,) their rows in ``data``, -1 without a vector.
        data: (m, d) all vectors; may be memory-mapped.

    Returns:
        The prototypes, or None if there are not two labels.
    """
    names = sorted({label for label, row in zip(labels, rows, strict=True) if label is not None and row >= 0})
    if len(names) < 2:
        return None
    number = {name: code for code, name in enumerate(names)}
    codes = np.array([-1 if label is None else number.get(label, -1) for label in labels], np.int64)
    counted = np.flatnonzero((codes >= 0) & (rows >= 0))
    sums = np.zeros((len(names), data.shape[1]))
    for start in range(0, len(counted), BLOCK):
        samples = counted[start : start + BLOCK]
        order = samples[np.argsort(codes[samples], kind="stable")]
        present, first = np.unique(codes[order], return_index=True)
        sums[present] += np.add.reduceat(np.asarray(data[rows[order]], np.float64), first, axis=0)
    return StoredPrototypes(sums, np.bincount(codes[counted], minlength=len(names)), codes)
