"""The held-out score of a detector: mean average precision at an overlap of .5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.detection import average_precision, match_boxes
from retrieval.detectors.suppression import overlaps, suppress
from retrieval.detectors.yolo_outputs import RawBoxes, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Float32, Int64

LEAST = 0.01
"""Smallest confidence that counts: precision is averaged over all recalls that are reached."""

CANDIDATES, MOST = 400, 100
"""Boxes of an image before and after suppression."""

IOU = 0.5


def detected(output: Float32, overlap: float, least: float = LEAST) -> RawBoxes:
    """Read an output of the form of anchors (4 + classes, cells), and suppress what overlaps."""
    raw = decode(output, "anchors", least)
    rows = np.argsort(-raw.confidence, kind="stable")[:CANDIDATES]
    boxes = RawBoxes(raw.edges[rows], raw.confidence[rows], raw.classes[rows])
    kept = suppress(boxes.edges, boxes.confidence, boxes.classes, overlap, MOST)
    return RawBoxes(boxes.edges[kept], boxes.confidence[kept], boxes.classes[kept])


def precision_by_class(
    answers: Sequence[RawBoxes], edges: Sequence[Float32], classes: Sequence[Int64], count: int
) -> list[float]:
    """Compute the average precision at an overlap of .5 of every class; NaN for classes without objects.

    Args:
        answers: boxes of n images, in the same pixels as ``edges``.
        edges: true boxes (k, 4) of every image.
        classes: their classes (k,).
        count: number of classes.
    """
    values = []
    for kind in range(count):
        confidence, hits, truths = [np.zeros(0)], [np.zeros(0, np.bool_)], 0
        for answer, boxes, kinds in zip(answers, edges, classes, strict=True):
            of, true = answer.classes == kind, boxes[kinds == kind]
            scores = answer.confidence[of].astype(np.float64)
            confidence.append(scores)
            hits.append(match_boxes(overlaps(answer.edges[of], true), scores, IOU) >= 0)
            truths += len(true)
        values.append(average_precision(np.concatenate(confidence), np.concatenate(hits), truths))
    return values
