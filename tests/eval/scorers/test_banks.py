from __future__ import annotations

import numpy as np
import pytest

from eval.scorers.banks import class_segments, missing_classes
from retrieval.errors import InputError
from tests.support.class_banks import bank_of

VECTORS = np.eye(4, dtype=np.float32)


def test_segments_are_the_edges_of_each_class() -> None:
    bank = bank_of(VECTORS, [(4, 0), (1, 2), (1, 3), (4, 1), (4, 3)])
    segments = class_segments(bank)
    assert segments.classes.tolist() == [1, 4]
    found = [part.tolist() for part in np.split(bank.edge_vector, segments.starts[1:])]
    assert found == [[2, 3], [0, 1, 3]]


def test_missing_classes_are_those_without_an_edge() -> None:
    bank = bank_of(VECTORS, [(4, 0), (1, 2)])
    assert missing_classes(bank, 6) == [0, 2, 3, 5]
    assert missing_classes(bank_of(VECTORS, [(0, 0), (1, 1)]), 2) == []
    assert missing_classes(bank_of(VECTORS, []), 2) == [0, 1]


def test_a_bank_for_no_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"Bank 'plain' has no vector for any class .*labels_from"):
        class_segments(bank_of(VECTORS, [], name="plain"))
