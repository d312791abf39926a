from __future__ import annotations

import numpy as np
import pytest

from eval.audit.duplicates import typical_distance
from eval.audit.labels import NEIGHBOURS, suspects
from eval.runs.neighbours import nearest_others
from retrieval.types import Float32, Int64
from tests.support.audit_samples import clusters


def found_in(vectors: Float32, labels: Int64) -> list[tuple[int, int]]:
    found = suspects(vectors, labels, nearest_others(vectors, NEIGHBOURS), typical_distance(vectors))
    assert all(labels[witness] == code for witness, code in zip(found.witness, found.suggested, strict=True))
    return list(zip(found.rows.tolist(), found.suggested.tolist(), strict=True))


@pytest.mark.parametrize("row", [0, 17, 39])
def test_one_wrong_label_in_tight_clusters_is_found_exactly(row: int) -> None:
    vectors, truth = clusters(8, 5), np.repeat(np.arange(8), 5)
    assert found_in(vectors, truth) == []
    labels = truth.copy()
    labels[row] = (truth[row] + 3) % 8
    assert found_in(vectors, labels) == [(row, truth[row])]


def test_what_cannot_be_judged_is_not_suspected() -> None:
    vectors, labels = clusters(8, 5), np.repeat(np.arange(8), 5)
    labels[3] = 99  # nothing else has this label
    labels[8] = -1  # unknown
    assert found_in(vectors, labels) == []
    labels[5:10] = -1  # unknown neighbours are no witnesses
    labels[9] = 0
    assert found_in(vectors, labels) == []


def test_labels_that_mean_nothing_to_the_vectors_make_few_suspects() -> None:
    vectors = clusters(200, 1, d=64)
    assert len(found_in(vectors, np.arange(200) % 50)) <= 4


def test_one_neighbour_is_too_few() -> None:
    vectors = clusters(2, 1)
    found = suspects(vectors, np.array([0, 1]), nearest_others(vectors, 1), 1.0)
    assert not len(found.rows)


def test_labels_of_many_samples_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = clusters(8, 5), np.repeat(np.arange(8), 5)
    labels[17] = 7
    whole = suspects(vectors, labels, nearest_others(vectors, NEIGHBOURS), 1.0)
    monkeypatch.setattr("eval.audit.labels.FEW_OF_A_LABEL", 2)
    searched = suspects(vectors, labels, nearest_others(vectors, NEIGHBOURS), 1.0, nearest_others)
    assert whole.rows.tolist() == searched.rows.tolist() == [17]
    np.testing.assert_allclose(searched.margin, whole.margin, atol=1e-6)
