"""Prototypes that leave a sample out of its own label, beside means computed one by one."""

from __future__ import annotations

import numpy as np

from retrieval.export.stored_prototypes import prototypes_of


def test_a_sample_does_not_count_for_itself() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((9, 4)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    rows = np.array([3, 8, 0, -1, 5, 1, 2, 7], np.int64)
    labels = ["b", "a", "b", "a", None, "a", "b", "alone"]
    samples = np.array([0, 1, 2, 4, 7], np.int64)
    vectors = (data[rows[samples]] + 0.5 * rng.standard_normal((5, 4))).astype(np.float32)
    prototypes = prototypes_of(labels, rows, data)
    assert prototypes is not None
    expected = []
    for sample, vector in zip(samples, vectors, strict=True):
        scores = []
        for label in ("a", "alone", "b"):
            others = [row for at, row in enumerate(rows) if labels[at] == label and row >= 0 and at != sample]
            mean = data[others].mean(axis=0) if others else np.zeros(4)
            scores.append(float(vector @ mean / np.linalg.norm(mean)) if others else -np.inf)
        expected.append(int(np.argmax(scores)))
    assert prototypes.nearest(samples, data[rows[samples]], vectors).tolist() == expected


def test_one_label_makes_no_prototypes() -> None:
    data, rows = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int64)
    assert prototypes_of(["a", "a", None], rows, data) is None
    assert prototypes_of(["a", "a", "b"], np.array([0, 1, -1]), data) is None
