import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.detectors.suppression import overlaps, suppress
from retrieval.types import Float32


def test_overlaps_worked_out_by_hand() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [0, 0, 0, 0]], np.float32)
    expected = np.array([[1, 1 / 7, 0, 0], [1 / 7, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], np.float64)
    np.testing.assert_allclose(overlaps(boxes, boxes), expected)


def slow(boxes: Float32, confidence: Float32, classes: np.ndarray, overlap: float) -> list[int]:
    left = sorted(range(len(boxes)), key=lambda row: (-confidence[row], row))
    kept = []
    while left:
        best, *others = left
        kept.append(best)
        left = []
        for row in others:
            a, b = boxes[best].astype(float), boxes[row].astype(float)
            shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            if classes[row] != classes[best] or not union or shared / union <= overlap:
                left.append(row)
    return kept


@given(st.integers(0, 12), st.integers(0, 2**31), st.sampled_from([0.3, 0.5, 0.7]))
def test_it_does_what_the_slow_one_does(n: int, seed: int, overlap: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 6, (n, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 5, (n, 2))], axis=1).astype(np.float32)
    confidence = rng.integers(0, 4, n).astype(np.float32)
    classes = rng.integers(0, 2, n)
    assert suppress(boxes, confidence, classes, overlap, 100).tolist() == slow(boxes, confidence, classes, overlap)


def test_so_many_are_kept_at_most() -> None:
    boxes = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], np.float32)
    assert suppress(boxes, np.array([1, 3, 2], np.float32), np.zeros(3, np.int64), 0.5, 2).tolist() == [1, 2]
