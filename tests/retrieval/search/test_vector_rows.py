"""Keys of samples to rows of a matrix."""

from __future__ import annotations

import numpy as np

from retrieval.search.vector_rows import rows_of
from retrieval.types import VectorMatrix
from tests.support.sample_stores import key


def test_rows_of_finds_keys_and_marks_the_missing() -> None:
    keys = np.array([key(name) for name in ("x", "y", "z")], dtype="S48")
    matrix = VectorMatrix(keys, np.zeros((3, 2), np.float32), "s")
    assert rows_of([key("z"), key("q"), key("x")], matrix).tolist() == [2, -1, 0]
    assert rows_of([], matrix).tolist() == []
    empty = VectorMatrix(keys[:0], np.zeros((0, 2), np.float32), "s")
    assert rows_of([key("z")], empty).tolist() == [-1]
