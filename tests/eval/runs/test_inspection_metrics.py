"""Errors of the detector and of the condition, told apart on objects worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.runs.inspection import InspectedImage, InspectedObject
from eval.runs.inspection_metrics import AnnotatedObject, ImageTrials, inspection_metrics, share
from retrieval.types import Box

LEFT, RIGHT, ELSEWHERE = Box(0, 0, 0.2, 0.2), Box(0.5, 0, 0.2, 0.2), Box(0.8, 0.8, 0.1, 0.1)


def found(box: Box, kind: str, condition: str, confidence: float = 0.9) -> InspectedObject:
    return InspectedObject(box, kind, confidence, kind, condition, f"{kind} {condition}", 0.8, ())


def truth(box: Box, kind: str, condition: str) -> AnnotatedObject:
    return AnnotatedObject(box, f"{kind} {condition}", kind, condition)


def image(*objects: InspectedObject) -> InspectedImage:
    return InspectedImage(Path("a.jpg"), "a.jpg", (100, 100), objects)


def test_stages_are_told_apart() -> None:
    annotated = [truth(LEFT, "drain", "blocked"), truth(RIGHT, "drain", "normal"), truth(ELSEWHERE, "toe", "normal")]
    objects = (
        found(LEFT, "drain", "blocked"),
        found(RIGHT, "drain", "blocked", 0.8),  # the condition is wrong
        found(ELSEWHERE, "drain", "normal", 0.7),  # the type is wrong
        found(Box(0, 0.1, 0.2, 0.2), "drain", "blocked", 0.6),  # overlaps by a third
    )
    metrics = inspection_metrics([(image(*objects), annotated)])
    assert metrics.recall.value == pytest.approx(2 / 3)
    assert metrics.recall.n == 3
    assert (metrics.precision.value, metrics.precision.n) == (0.5, 4)
    assert (metrics.condition.value, metrics.condition.n) == (0.5, 2)
    assert metrics.end_to_end.value == pytest.approx(1 / 3)
    assert {name: part.value for name, part in metrics.conditions.items()} == {"blocked": 1.0, "normal": 0.0}
    assert metrics.ap == {"drain": 1.0, "toe": 0.0}
    assert metrics.mean_ap == 0.5
    assert (metrics.relations.value, metrics.relations.n) == (1.0, 2)
    assert metrics.to_dict()["conditions"]["blocked"] == {"value": 1.0, "ci95": None, "n": 1}


def test_a_detector_that_finds_nothing() -> None:
    metrics = inspection_metrics([(image(), [truth(LEFT, "drain", "blocked")])])
    assert (metrics.recall.value, metrics.end_to_end.value) == (0, 0)
    assert metrics.precision.value is None
    assert metrics.condition.value is None
    assert metrics.ap == {"drain": 0.0}
    assert inspection_metrics([]).mean_ap is None


def test_shares_have_intervals_over_images() -> None:
    part = share([ImageTrials(1, 2)] * 10 + [ImageTrials(0, 0)])
    assert (part.value, part.ci95, part.n) == (0.5, (0.5, 0.5), 20)
    assert share([ImageTrials(5, 5)] * 3).ci95 is None
    low, high = share([ImageTrials(5, 5)] * 8).ci95 or (0, 0)
    assert (round(low, 3), high) == (0.676, 1.0)  # Wilson's interval of 8 of 8
    low, high = share([ImageTrials(n % 3, 2) for n in range(12)]).ci95 or (0, 0)
    assert 0.2 < low < 0.5 < high < 0.8
