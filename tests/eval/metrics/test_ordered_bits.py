from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.ordered_bits import ordered_bits, scores_of_bits


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=2, max_size=20))
def test_bits_are_in_order_of_the_scores(values: list[float]) -> None:
    scores = np.array(values, np.float32)
    bits = ordered_bits(scores)
    assert ((bits[:, None] < bits) == (scores[:, None] < scores)).all()
    assert ((bits[:, None] == bits) == (scores[:, None] == scores)).all()
    assert (scores_of_bits(bits) == scores).all()
