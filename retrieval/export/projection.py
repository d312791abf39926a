"""Principal components of exported vectors, as coordinates for pictures of a space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from retrieval.export.rows import ExportRows
    from retrieval.types import Float32


def principal_components(rows: ExportRows) -> Float32:
    """Project vectors on their first two principal components.

    Vectors are read twice in blocks: for the mean and the covariance, and to be projected. The sign of a component is
    that by which its largest coefficient is positive, so that repeating an export gives the same coordinates. Vectors
    of one dimension have a second coordinate of 0.

    Returns:
        (n, 2) coordinates.
    """
    from scipy.linalg import eigh

    d = rows.dimension
    total, squares = np.zeros(d), np.zeros((d, d))
    for _, block in rows.blocks():
        wide = block.astype(np.float64)
        total += wide.sum(axis=0)
        squares += wide.T @ wide
    mean = total / len(rows)
    covariance = squares / len(rows) - np.outer(mean, mean)
    _, vectors = eigh(covariance, subset_by_index=(max(0, d - 2), d - 1))
    axes = vectors[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    points = np.zeros((len(rows), 2), np.float32)
    for start, block in rows.blocks():
        points[start : start + len(block), : axes.shape[1]] = (block.astype(np.float64) - mean) @ axes
    return points
