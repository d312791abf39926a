"""Metrics of a ranked gallery. Everything follows from the ranks at which a query's positives stand.

A rank is 1-based and counts valid gallery entries only: entries that a protocol leaves out (junk) take no place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

ApMethod = Literal["step", "trapezoid"]


def positive_ranks(scores: Float32, positives: Int64) -> Int64:
    """Ranks of a query's positives among its gallery, best first.

    Equal scores stand in the order of the gallery (``stable``), as a stable descending sort would put them; the
    scores are sorted without their positions, which is several times faster than an argsort.

    Args:
        scores: (gallery,) higher is better; ``-inf`` marks entries that take no place.
        positives: (p,) distinct ascending rows of ``scores``, none of them ``-inf``.

    Returns:
        (p,) ascending 1-based ranks.
    """
    own = scores[positives]
    ascending = np.sort(scores)
    above = len(scores) - np.searchsorted(ascending, own, side="right")
    equal = len(scores) - np.searchsorted(ascending, own, side="left") - above
    ranks = above + 1
    for value in np.unique(own[equal > 1]):
        tied = own == value
        ranks[tied] += np.searchsorted(np.flatnonzero(scores == value), positives[tied])
    return np.sort(ranks).astype(np.int64)


def average_precision(ranks: Int64, method: ApMethod = "step") -> float:
    """Average precision of one query.

    With positives at ranks r_1 < ... < r_p: ``step`` is the mean of i / r_i (the information-retrieval definition;
    what scikit-learn computes where no scores are tied). ``trapezoid`` is the mean of (i / r_i + o_i) / 2 with
    o_i = (i - 1) / (r_i - 1), and o_i = 1 where r_i = 1: the area under the linearly interpolated precision-recall
    curve of the Oxford Buildings (Philbin et al., CVPR 2007) and Market-1501 (Zheng et al., ICCV 2015) evaluations.

    Args:
        ranks: (p,) ascending 1-based ranks, p >= 1.
        method: ``step`` or ``trapezoid``.
    """
    found = np.arange(1, len(ranks) + 1)
    precision = found / ranks
    if method == "step":
        return float(precision.mean())
    before = np.where(ranks == 1, 1.0, (found - 1) / np.maximum(ranks - 1, 1))
    return float(((precision + before) / 2).mean())


def inverse_negative_penalty(ranks: Int64) -> float:
    """INP of one query: p / r_p, how early its hardest positive is found (Ye et al., TPAMI 2022, eq. 1).

    Args:
        ranks: (p,) ascending 1-based ranks, p >= 1.
    """
    return float(len(ranks) / ranks[-1])


def cumulative_match(first_ranks: Int64, length: int) -> NDArray[np.float64]:
    """CMC curve: the share of queries whose first positive stands at rank k or better, for k = 1 ... length.

    Args:
        first_ranks: (queries,) rank of each query's best positive, queries >= 1.
        length: how many ranks.

    Returns:
        (length,) non-decreasing fractions.
    """
    counts = np.bincount(np.minimum(first_ranks, length + 1), minlength=length + 2)
    return np.cumsum(counts[1 : length + 1]) / len(first_ranks)
