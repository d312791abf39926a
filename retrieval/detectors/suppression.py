"""Greedy non-maximum suppression, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


def overlaps(boxes: Float32, others: Float32) -> NDArray[np.float64]:
    """Compute the intersection over union of boxes (n, 4) and others (m, 4), each x1, y1, x2, y2: (n, m).

    It is 0 where both have no area.
    """
    first, second = boxes[:, None].astype(np.float64), others[None].astype(np.float64)
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    areas = np.prod(np.maximum(first[..., 2:] - first[..., :2], 0), axis=-1)
    other_areas = np.prod(np.maximum(second[..., 2:] - second[..., :2], 0), axis=-1)
    union = areas + other_areas - shared
    shares: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return shares


def suppress(boxes: Float32, confidence: Float32, classes: Int64, overlap: float, most: int) -> Int64:
    """Keep the most confident of the boxes of a class that overlap.

    Args:
        boxes: (n, 4) x1, y1, x2, y2.
        confidence: (n,).
        classes: (n,) numbers of classes; boxes of different classes do not suppress each other.
        overlap: intersection over union above which the less confident box is dropped.
        most: largest number of boxes that are kept.

    Returns:
        Rows of the kept boxes, most confident first; of equal ones the first.
    """
    kept: list[int] = []
    alive = np.ones(len(boxes), np.bool_)
    for row in np.argsort(-confidence, kind="stable").tolist():
        if not alive[row]:
            continue
        kept.append(row)
        if len(kept) == most:
            break
        rivals = np.flatnonzero(alive & (classes == classes[row]))
        alive[rivals[overlaps(boxes[row : row + 1], boxes[rivals])[0] > overlap]] = False
    return np.array(kept, np.int64)
