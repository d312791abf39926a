from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import threshold_counts
from eval.metrics.threshold_counts import count_above

SPREADS = (0.0, 1e-38, 1e-7, 1.0, 1e6, 1e37)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 6),
    columns=st.integers(1, 200),
    spread=st.sampled_from(SPREADS),
    rounded=st.booleans(),
    cells=st.sampled_from([1, 150, 1 << 17]),
    bins=st.sampled_from([1, 7, 2048]),
)
def test_counts_are_those_of_comparisons(
    *, seed: int, rows: int, columns: int, spread: float, rounded: bool, cells: int, bins: int
) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((rows, columns))
    scores = ((np.round(raw) if rounded else raw) * spread + rng.choice([0, 0.5])).astype(np.float32)
    chosen = rng.random(scores.shape) < rng.choice([0.05, 0.9])
    scores[(rng.random(scores.shape) < 0.1) & ~chosen] = -np.inf
    row, column = np.nonzero(chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threshold_counts, "CELLS_AT_ONCE", cells)
        patch.setattr(threshold_counts, "MOST_BINS", bins)
        patch.setattr(threshold_counts, "ENTRIES_PER_BIN", 1)
        above, same = count_above(scores, row, column)
    for at in range(len(row)):
        line, score = scores[row[at]], scores[row[at], column[at]]
        assert (above[at], same[at]) == ((line > score).sum(), (line == score).sum())
