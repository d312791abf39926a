"""Metrics of a ranked gallery, computed from the ranks of the positives of each query.

A rank is 1-based and counts valid gallery entries only: entries that a protocol leaves out (junk) have no rank.
Entries of equal score are a tie; a tie policy determines the ranks of its positives:

- ``stable``: in order of the gallery, as of a stable descending sort;
- ``pessimistic``, ``optimistic``: after, before the other entries of the tie;
- ``expected``: every order of the tie is equally likely, and metrics are their exact expectations
  (:mod:`eval.metrics.tied_ranking`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

ApMethod = Literal["step", "trapezoid", "sklearn", "at_r", "at_k"]
ApDenominator = Literal["n", "min_k_n", "hits"]
Ties = Literal["stable", "pessimistic", "optimistic", "expected"]

AP_METHODS: tuple[ApMethod, ...] = get_args(ApMethod)
AP_DENOMINATORS: tuple[ApDenominator, ...] = get_args(ApDenominator)
TIE_POLICIES: tuple[Ties, ...] = get_args(Ties)


class ApRule(NamedTuple):
    """A definition of average precision; ``k`` and ``denominator`` belong to ``at_k`` alone."""

    method: ApMethod = "step"
    k: int = 10
    denominator: ApDenominator = "min_k_n"


class PositiveRanks(NamedTuple):
    """Ranks of the p positives of a query, best first; arrays (p,).

    ``stable`` are the ranks under that tie policy; ``above`` the number of entries that score strictly higher; ``tied``
    the number that have the same score, the positive itself included.
    """

    stable: Int64
    above: Int64
    tied: Int64

    @property
    def has_ties(self) -> bool:
        """Whether a positive and a negative have equal scores, so that the tie policy matters."""
        return bool((self.tied > self._positives_in_tie()).any())

    def under(self, ties: Ties) -> Int64:
        """Compute the ascending ranks (p,) under a policy other than ``expected``."""
        if ties == "stable" or not len(self.stable):
            return self.stable
        place = np.arange(1, len(self.stable) + 1) - np.searchsorted(self.above, self.above)
        optimistic: Int64 = self.above + place
        return optimistic if ties == "optimistic" else optimistic + self.tied - self._positives_in_tie()

    def _positives_in_tie(self) -> Int64:
        """Number of positives in the tie of each positive: (p,)."""
        last = np.searchsorted(self.above, self.above, side="right")
        return (last - np.searchsorted(self.above, self.above)).astype(np.int64)


def positive_ranks(scores: Float32, positives: Int64, bounds: Int64) -> list[PositiveRanks]:
    """Compute the ranks of the positives of several queries.

    Only scores are sorted, not their positions, and scores below the lowest positive of a row are made equal first:
    sorting equal entries is fast, so the better the vectors, the less there is to sort. One call sorts all rows, since
    threads that make many short calls wait for the interpreter lock longer than they sort.

    Args:
        scores: (queries, gallery), higher is better; ``-inf`` marks entries without a rank, all others are finite.
        positives: (p,) columns of ``scores``, none of them ``-inf``; those of each query distinct and ascending, one
            query after the other.
        bounds: (queries + 1,); the positives of query i are ``positives[bounds[i]:bounds[i + 1]]``.
    """
    counts = np.diff(bounds)
    query = np.repeat(np.arange(len(counts)), counts)
    positive_scores = scores[query, positives]
    with_positive = np.flatnonzero(counts)
    lowest = np.full(len(counts), np.inf, scores.dtype)
    if len(with_positive):
        lowest[with_positive] = np.minimum.reduceat(positive_scores, bounds[with_positive])
    ascending = np.maximum(scores, np.nextafter(lowest, -np.inf)[:, None])
    ascending.sort(axis=1)
    # One search finds both where a score's equals begin, and where they end: where the next float would begin.
    ends = np.stack([positive_scores, np.nextafter(positive_scores, np.inf)], axis=1)
    slots = np.empty(ends.shape, np.int64)
    for row, first, last in zip(ascending, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        slots[first:last] = row.searchsorted(ends[first:last])
    tied = slots[:, 1] - slots[:, 0]
    above = scores.shape[1] - slots[:, 1]
    ranks = above + 1
    for row in np.unique(query[tied > 1]):
        entries = slice(bounds[row], bounds[row + 1])
        ranks[entries] += _before_in_tie(scores[row], positives[entries], tied[entries])
    order = np.lexsort((ranks, query))
    columns = ranks[order], above[order], tied[order]
    return [PositiveRanks(*(column[first:last] for column in columns)) for first, last in pairwise(bounds.tolist())]


def _before_in_tie(scores: Float32, positives: Int64, tied: Int64) -> Int64:
    """Number of entries with a positive's score that are earlier in the gallery: (p,)."""
    positive_scores = scores[positives]
    before = np.zeros(len(positives), np.int64)
    for value in np.unique(positive_scores[tied > 1]):
        same = positive_scores == value
        before[same] = np.searchsorted(np.flatnonzero(scores == value), positives[same])
    return before


def average_precisions(ranks: Int64, counts: Int64, rule: ApRule) -> NDArray[np.float64]:
    """Average precision (queries,) of queries whose positives have definite ranks.

    With the p positives of a query at ranks r_1 < ... < r_p:

    - ``step`` is the mean of i / r_i (the information-retrieval definition).
    - ``trapezoid`` is the mean of (i / r_i + o_i) / 2 with o_i = (i - 1) / (r_i - 1), and o_i = 1 where r_i = 1: the
      area under the linearly interpolated precision-recall curve of the Oxford Buildings (Philbin et al., CVPR 2007)
      and Market-1501 (Zheng et al., ICCV 2015) evaluations.
    - ``at_r`` is the sum of i / r_i over r_i <= p, divided by p (MAP@R of Musgrave et al., ECCV 2020).
    - ``at_k`` is the sum of i / r_i over r_i <= k, divided by p (``n``), by min(k, p) (``min_k_n``), or by the number
      of r_i <= k (``hits``; 0 if there is none).
    - ``sklearn`` is ``step`` here; where scores are tied it is :func:`threshold_precision`.

    Args:
        ranks: ranks of every query's positives, ascending, one query after the other.
        counts: (queries,) number of positives of each, at least one.
        rule: the definition.
    """
    first = np.cumsum(counts) - counts
    hits = np.arange(1, len(ranks) + 1) - np.repeat(first, counts)
    precision = hits / ranks
    if rule.method == "trapezoid":
        before = np.where(ranks == 1, 1.0, (hits - 1) / np.maximum(ranks - 1, 1))
        precision = (precision + before) / 2
    within = ranks <= np.repeat(last_rank(rule, counts), counts)
    divisor = ap_divisor(rule, counts, np.add.reduceat(within, first, dtype=np.int64))
    values: NDArray[np.float64] = np.add.reduceat(precision * within, first) / np.maximum(divisor, 1)
    return values


def threshold_precision(positives: PositiveRanks) -> float:
    """AP of one query with a tie as one threshold, as in scikit-learn's ``average_precision_score``.

    It is the mean over positives of the precision at the end of their tie, (positives so far) / (above + tied), and
    does not depend on the order of the gallery.
    """
    so_far = np.searchsorted(positives.above, positives.above, side="right")
    return float((so_far / (positives.above + positives.tied)).mean())


def last_rank(rule: ApRule, positives: Int64) -> Int64:
    """Last rank (queries,) that counts in a definition, for queries with ``positives`` (queries,) each."""
    if rule.method == "at_r":
        return positives
    return np.full_like(positives, rule.k if rule.method == "at_k" else np.iinfo(np.int64).max)


def ap_divisor(rule: ApRule, positives: Int64, hits: Int64) -> Int64:
    """Divisor (queries,) of the sum of precisions, where ``hits`` of the ``positives`` are within the cut-off."""
    if rule.method != "at_k" or rule.denominator == "n":
        return positives
    return hits if rule.denominator == "hits" else np.minimum(rule.k, positives)


def inverse_negative_penalties(ranks: Int64, counts: Int64) -> NDArray[np.float64]:
    """INP (queries,): p / r_p, high if the hardest positive is ranked high (Ye et al., TPAMI 2022, eq. 1).

    Arguments are those of :func:`average_precisions`.
    """
    values: NDArray[np.float64] = counts / ranks[np.cumsum(counts) - 1]
    return values
