from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.ranking.query_expansion import QueryExpansion, expand_queries, expanded_blocks
from tests.support.sample_stores import unit


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), alpha=st.sampled_from([0.0, 0.5, 3.0]), seed=st.integers(0, 1000), leave=st.booleans())
def test_equals_the_sum_written_out(n: int, alpha: float, seed: int, leave: bool) -> None:  # noqa: FBT001 - drawn
    vectors = unit(14, 5, seed).vectors
    queries, gallery = vectors[:4], vectors[4:]
    own = np.array([3, -1, 0, -1]) if leave else None
    if own is not None:
        gallery = gallery.copy()
        gallery[own[[0, 2]]] = queries[[0, 2]]
    found = expand_queries(queries, gallery, QueryExpansion(n, alpha), own)
    for at, query in enumerate(queries.astype(float)):
        total = query.copy()
        cosines = {row: float(query @ image) for row, image in enumerate(gallery.astype(float))}
        if own is not None:
            cosines.pop(int(own[at]), None)
        for row in sorted(cosines, key=lambda row: -cosines[row])[:n]:
            total += max(cosines[row], 0.0) ** alpha * gallery[row]
        assert found[at] == pytest.approx(total / np.linalg.norm(total), abs=1e-5)


def test_scores_are_cosines_of_the_expanded_queries() -> None:
    vectors = unit(30, 5).vectors
    ((start, scores),) = expanded_blocks(vectors[:6], vectors[6:], QueryExpansion(3, 3.0))
    assert start == 0
    assert scores == pytest.approx(
        expand_queries(vectors[:6], vectors[6:], QueryExpansion(3, 3.0)) @ vectors[6:].T, abs=1e-6
    )


def test_the_queries_themselves_stay_as_they_are() -> None:
    vectors = unit(30, 5).vectors
    before = vectors.copy()
    expand_queries(vectors[:6], vectors[6:], QueryExpansion())
    assert (vectors == before).all()
