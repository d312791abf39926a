"""Metrics of detections: matching at an overlap, and average precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


def match_boxes(overlap: Float64, confidence: Float64, least: float = 0.5) -> Int64:
    """Match detections of one image to annotated boxes, the most confident first, each box once.

    A detection takes the free box that it overlaps most, as in the evaluation of PASCAL VOC (Everingham et al. 2010,
    section 4.4) but for its taken boxes, which are no errors of a second detection here: another free box may fit.

    Args:
        overlap: (n, m) intersection over union of detections and boxes.
        confidence: (n,) of the detections.
        least: smallest overlap of a match.

    Returns:
        (n,) row of the matched box, -1 for none.
    """
    matched = np.full(len(overlap), -1, np.int64)
    free = np.ones(overlap.shape[1], np.bool_)
    for row in np.argsort(-confidence, kind="stable").tolist():
        candidates = np.where(free, overlap[row], -1.0)
        if len(candidates) and candidates.max() >= least:
            matched[row] = candidates.argmax()
            free[matched[row]] = False
    return matched


def average_precision(confidence: Float64, hit: NDArray[np.bool_], truths: int) -> float:
    """Compute the area under the precision-recall curve, precision made non-increasing (all points, as VOC since 2010).

    Args:
        confidence: (n,) of the detections of all images.
        hit: (n,) whether each matched a box.
        truths: number of boxes.

    Returns:
        The area; NaN without boxes.
    """
    if not truths:
        return float("nan")
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(hit[order])
    precision = hits / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit[order]].sum() / truths)
