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

from eval.metrics.threshold_counts import count_above
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        return bool(RankTable.of([self]).has_ties[0])

    def under(self, ties: Ties) -> Int64:
        """Compute the ascending ranks (p,) under a policy other than ``expected``."""
        return RankTable.of([self]).under(ties)


class RankTable(NamedTuple):
    """The :class:`PositiveRanks` of several queries, one after the other.

    Those of query i are the entries from ``bounds[i]`` to ``bounds[i + 1]`` of the arrays (p,) ``stable``, ``above``
    and ``tied``; ``bounds`` is (queries + 1,).
    """

    stable: Int64
    above: Int64
    tied: Int64
    bounds: Int64

    @classmethod
    def of(cls, queries: Sequence[PositiveRanks]) -> RankTable:
        """Put the ranks of queries one after the other."""
        counts = [len(ranks.stable) for ranks in queries]
        nothing = PositiveRanks(*np.empty((3, 0), np.int64))
        stable, above, tied = (np.concatenate(arrays) for arrays in zip(nothing, *queries, strict=True))
        return cls(stable, above, tied, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))

    @classmethod
    def stack(cls, tables: Sequence[RankTable]) -> RankTable:
        """Put tables one below the other."""
        empty = np.empty(0, np.int64)
        nothing = cls(empty, empty, empty, np.zeros(1, np.int64))
        stable, above, tied, _ = (np.concatenate(arrays) for arrays in zip(nothing, *tables, strict=True))
        counts = np.concatenate([nothing.counts, *(table.counts for table in tables)])
        return cls(stable, above, tied, np.concatenate([[0], np.cumsum(counts)]))

    @property
    def counts(self) -> Int64:
        """Positives of each query: (queries,)."""
        return np.diff(self.bounds)

    @property
    def has_ties(self) -> NDArray[np.bool_]:
        """Whether the tie policy matters for each query: (queries,)."""
        sums = np.concatenate([[0], np.cumsum(self.tied > self._ties()[1])])
        matters: NDArray[np.bool_] = sums[self.bounds[1:]] > sums[self.bounds[:-1]]
        return matters

    def queries(self) -> list[PositiveRanks]:
        """The ranks of every query by itself."""
        columns = self[:3]
        return [
            PositiveRanks(*(column[first:last] for column in columns)) for first, last in pairwise(self.bounds.tolist())
        ]

    def where(self, chosen: NDArray[np.bool_]) -> RankTable:
        """The table of the queries for which ``chosen`` (queries,) is true."""
        counts = self.counts
        entries = np.repeat(chosen, counts)
        bounds = np.concatenate([[0], np.cumsum(counts[chosen])])
        return RankTable(self.stable[entries], self.above[entries], self.tied[entries], bounds)

    def under(self, ties: Ties) -> Int64:
        """Compute the ranks (p,), ascending for every query, under a policy other than ``expected``."""
        if ties == "stable":
            return self.stable
        first, size = self._ties()
        optimistic: Int64 = self.above + np.arange(1, len(first) + 1) - first
        return optimistic if ties == "optimistic" else optimistic + self.tied - size

    def _ties(self) -> tuple[Int64, Int64]:
        """Entry of the first positive in the tie of each, and the number of positives in it: (p,) each."""
        starts = np.ones(len(self.above), np.bool_)
        starts[1:] = np.diff(self.above) != 0
        starts[self.bounds[:-1][self.counts > 0]] = True
        first = np.flatnonzero(starts)
        tie = np.cumsum(starts) - 1
        return first[tie], np.diff(np.append(first, len(starts)))[tie]


def positive_ranks(scores: Float32, positives: Int64, bounds: Int64) -> RankTable:
    """Compute the ranks of the positives of several queries.

    Args:
        scores: (queries, gallery), higher is better; ``-inf`` marks entries without a rank, all others are finite.
        positives: (p,) columns of ``scores``, none of them ``-inf``; those of each query distinct and ascending, one
            query after the other.
        bounds: (queries + 1,); the positives of query i are ``positives[bounds[i]:bounds[i + 1]]``.
    """
    counts = np.diff(bounds)
    query = np.repeat(np.arange(len(counts)), counts)
    above, tied = count_above(scores, query, positives)
    ranks = above + 1
    for row in np.unique(query[tied > 1]):
        entries = slice(bounds[row], bounds[row + 1])
        ranks[entries] += _before_in_tie(scores[row], positives[entries], tied[entries])
    order = np.lexsort((ranks, query))
    return RankTable(ranks[order], above[order], tied[order], bounds)


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
