import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.detection import average_precision, match_boxes


def test_the_most_confident_detection_takes_the_box() -> None:
    overlap = np.array([[0.6, 0.0], [0.9, 0.0], [0.55, 0.7], [0.4, 0.4]])
    assert match_boxes(overlap, np.array([0.5, 0.9, 0.8, 0.7])).tolist() == [-1, 0, 1, -1]
    assert match_boxes(overlap, np.array([0.9, 0.5, 0.3, 0.7])).tolist() == [0, -1, 1, -1]
    assert match_boxes(np.empty((2, 0)), np.ones(2)).tolist() == [-1, -1]


def slow(confidence: np.ndarray, hit: np.ndarray, truths: int) -> float:
    order = sorted(range(len(confidence)), key=lambda row: (-confidence[row], row))
    points = [(0.0, 1.0)]
    right = 0
    for n, row in enumerate(order, 1):
        right += bool(hit[row])
        points.append((right / truths, right / n))
    area = 0.0
    for at in range(1, len(points)):
        step = points[at][0] - points[at - 1][0]
        area += step * max(precision for _, precision in points[at:])
    return area


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_average_precision_is_the_area_under_the_envelope(n: int, truths: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hit = rng.random(n) < 0.5
    hit[np.cumsum(hit) > truths] = False
    confidence = rng.integers(0, 5, n) / 4
    assert average_precision(confidence, hit, truths) == pytest.approx(slow(confidence, hit, truths))


def test_it_is_what_scikit_learn_has_for_a_detector_that_misses_none() -> None:
    from sklearn.metrics import precision_recall_curve

    rng = np.random.default_rng(0)
    hit, confidence = rng.random(50) < 0.4, rng.permutation(50) / 50
    precision, recall, _ = precision_recall_curve(hit, confidence)
    envelope = np.maximum.accumulate(precision)
    area = float(-(np.diff(recall) * envelope[:-1]).sum())
    assert average_precision(confidence, hit, int(hit.sum())) == pytest.approx(area)


def test_without_boxes_there_is_none() -> None:
    assert np.isnan(average_precision(np.ones(2), np.zeros(2, np.bool_), 0))
