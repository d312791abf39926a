"""Compares an inspection with annotations: errors of the detector and of the condition apart."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from eval.metrics.detection import average_precision, match_boxes
from retrieval.detectors.suppression import overlaps
from retrieval.layout import relation
from retrieval.names import spelling
from retrieval.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eval.runs.inspection import InspectedImage, InspectedObject
    from retrieval.types import Float32, Polygon

IOU = 0.5
"""Smallest overlap of a detection with the box that it finds."""

FEWEST_IMAGES, RESAMPLES = 6, 1000
"""Images that an interval needs, and its resamples."""

PREFIX = "condition: "


class AnnotatedObject(NamedTuple):
    """An object as it is annotated."""

    box: Box
    label: str
    object: str
    condition: str
    polygon: Polygon | None = None


class Share(NamedTuple):
    """A share of n trials, and its 95 % interval over images; None without trials, or with images too few."""

    value: float | None
    ci95: tuple[float, float] | None
    n: int


class InspectionMetrics(NamedTuple):
    """Metrics of an inspection.

    Attributes:
        recall: share of annotated objects that a detection of their type finds, at an overlap of .5.
        precision: share of detections that find an object of their type.
        mean_ap: mean over types of the average precision at .5.
        ap: average precision at .5 by type.
        condition: share of found objects whose condition is right.
        conditions: the same by condition.
        end_to_end: share of annotated objects that are found and whose condition is right.
        relations: share of pairs of found objects of an image whose boxes lie to each other as the annotated ones do.
    """

    recall: Share
    precision: Share
    mean_ap: float | None
    ap: dict[str, float]
    condition: Share
    conditions: dict[str, Share]
    end_to_end: Share
    relations: Share

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as ``--json`` prints them."""
        values: dict[str, Any] = self._asdict()
        plain = {name: part._asdict() if isinstance(part, Share) else part for name, part in values.items()}
        return plain | {"conditions": {name: part._asdict() for name, part in self.conditions.items()}}


class ImageTrials(NamedTuple):
    """ImageTrials of one image: how many were right, of how many."""

    right: int
    n: int


class _Pair(NamedTuple):
    answered: InspectedObject
    annotated: AnnotatedObject


def inspection_metrics(
    images: Sequence[tuple[InspectedImage, Sequence[AnnotatedObject]]],
) -> InspectionMetrics:
    """Compute the metrics of images with their annotated objects.

    Objects are matched within their type: a box of the right place and the wrong type finds nothing.
    """
    counts: dict[str, list[ImageTrials]] = defaultdict(list)
    hits: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    truths: dict[str, int] = defaultdict(int)
    for image, annotated in images:
        for truth in annotated:
            truths[truth.object] += 1
        matched = _matches(image.objects, annotated)
        for one, at in zip(image.objects, matched, strict=True):
            hits[one.object or one.detected].append((one.confidence, at >= 0))
        pairs = [_Pair(one, annotated[at]) for one, at in zip(image.objects, matched, strict=True) if at >= 0]
        right = [spelling(pair.answered.condition) == spelling(pair.annotated.condition) for pair in pairs]
        same = _same_relations(pairs)
        counts["recall"].append(ImageTrials(len(pairs), len(annotated)))
        counts["precision"].append(ImageTrials(len(pairs), len(image.objects)))
        counts["condition"].append(ImageTrials(sum(right), len(pairs)))
        counts["end to end"].append(ImageTrials(sum(right), len(annotated)))
        counts["relations"].append(ImageTrials(sum(same), len(same)))
        for name in {pair.annotated.condition for pair in pairs}:
            of = [is_right for is_right, pair in zip(right, pairs, strict=True) if pair.annotated.condition == name]
            counts[f"{PREFIX}{name}"].append(ImageTrials(sum(of), len(of)))
    ap = {
        kind: average_precision(
            np.array([confidence for confidence, _ in hits[kind]], np.float64),
            np.array([hit for _, hit in hits[kind]], np.bool_),
            count,
        )
        for kind, count in sorted(truths.items())
    }
    shares = {name: share(trials) for name, trials in counts.items()}
    nothing = share([])
    return InspectionMetrics(
        recall=shares.get("recall", nothing),
        precision=shares.get("precision", nothing),
        mean_ap=float(np.mean(list(ap.values()))) if ap else None,
        ap=ap,
        condition=shares.get("condition", nothing),
        conditions={name.removeprefix(PREFIX): shares[name] for name in sorted(shares) if name.startswith(PREFIX)},
        end_to_end=shares.get("end to end", nothing),
        relations=shares.get("relations", nothing),
    )


def _matches(objects: Sequence[InspectedObject], annotated: Sequence[AnnotatedObject]) -> list[int]:
    """Return the row of the annotated object that each object finds, -1 for none."""
    overlap = overlaps(_edges(one.box for one in objects), _edges(one.box for one in annotated))
    for row, one in enumerate(objects):
        for column, other in enumerate(annotated):
            if one.object != other.object:
                overlap[row, column] = 0
    confidence = np.array([one.confidence for one in objects], np.float64)
    matched: list[int] = match_boxes(overlap, confidence, IOU).tolist()
    return matched


def _edges(boxes: Iterable[Box]) -> Float32:
    edges = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    return np.array(edges, np.float32).reshape(-1, 4)


def _same_relations(pairs: Sequence[_Pair]) -> list[bool]:
    return [
        relation(one.answered.box, other.answered.box) == relation(one.annotated.box, other.annotated.box)
        for one in pairs
        for other in pairs
        if one is not other
    ]


def share(images: Sequence[ImageTrials]) -> Share:
    """Compute a share over the objects of all images.

    The interval is a bootstrap over images (percentile, 1,000 resamples, seed 0), since objects of an image are not
    independent; where all trials or none are right it is Wilson's, with images for trials.
    """
    counted = [image for image in images if image.n]
    total = sum(image.n for image in counted)
    if not total:
        return Share(None, None, 0)
    value = sum(image.right for image in counted) / total
    if len(counted) < FEWEST_IMAGES:
        return Share(value, None, total)
    if value in (0, 1):
        low, high = binomtest(len(counted) if value else 0, len(counted)).proportion_ci(method="wilson")
        return Share(value, (float(low), float(high)), total)
    table = np.array(counted, np.float64)
    rows = np.random.default_rng(0).integers(0, len(table), (RESAMPLES, len(table)))
    right, trials = table[rows].sum(axis=1).T
    low, high = np.percentile(right / trials, (2.5, 97.5))
    return Share(value, (float(low), float(high)), total)
