"""Metrics of a ranked gallery. Everything follows from where a query's positives stand.

A rank is 1-based and counts valid gallery entries only: entries that a protocol leaves out (junk) take no place.
Entries of equal score are a tie; a tie policy says which ranks its positives get:

- ``stable``: in order of the gallery, as a stable descending sort puts them;
- ``pessimistic``, ``optimistic``: behind, before the others of the tie;
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


class Placed(NamedTuple):
    """Where a query's positives stand, best first; arrays (p,).

    ``ranks``: stable ranks; ``above``: how many entries score strictly higher; ``tied``: how many have the same
    score, the positive itself among them.
    """

    ranks: Int64
    above: Int64
    tied: Int64

    @property
    def has_ties(self) -> bool:
        """Whether a positive shares its score with a negative, so that the order of the gallery decides."""
        return bool((self.tied > self._together()).any())

    def under(self, ties: Ties) -> Int64:
        """Ascending ranks (p,) under a policy other than ``expected``."""
        if ties == "stable" or not len(self.ranks):
            return self.ranks
        place = np.arange(1, len(self.ranks) + 1) - np.searchsorted(self.above, self.above)
        optimistic: Int64 = self.above + place
        return optimistic if ties == "optimistic" else optimistic + self.tied - self._together()

    def _together(self) -> Int64:
        """How many positives are in the tie of each: (p,)."""
        last = np.searchsorted(self.above, self.above, side="right")
        return (last - np.searchsorted(self.above, self.above)).astype(np.int64)


def place_positives(scores: Float32, positives: Int64) -> Placed:
    """Find where a query's positives stand in its gallery.

    Args:
        scores: (gallery,) higher is better; ``-inf`` marks entries that take no place, all others are finite.
        positives: (p,) distinct ascending rows of ``scores``, none of them ``-inf``.
    """
    return place_rows(scores[None], positives, np.array([0, len(positives)]))[0]


def place_rows(scores: Float32, positives: Int64, bounds: Int64) -> list[Placed]:
    """Find where the positives of several queries stand, each in its own row of scores.

    Rows are sorted without their positions, and with all that scores below their lowest positive made equal: a sort is
    done with equal entries at once, so the better the vectors, the less there is to sort. One call sorts all rows:
    between many short ones, threads would wait for the interpreter lock longer than they sort.

    Args:
        scores: (queries, gallery) as :func:`place_positives` has them.
        positives: (p,) columns of ``scores``, those of each query distinct and ascending, one query after the other.
        bounds: (queries + 1,) where the positives of each query begin and end.
    """
    counts = np.diff(bounds)
    query = np.repeat(np.arange(len(counts)), counts)
    own = scores[query, positives]
    asked = np.flatnonzero(counts)
    lowest = np.full(len(counts), np.inf, scores.dtype)
    if len(asked):
        lowest[asked] = np.minimum.reduceat(own, bounds[asked])
    ascending = np.maximum(scores, np.nextafter(lowest, -np.inf)[:, None])
    ascending.sort(axis=1)
    # One search finds both where a score's equals begin, and where they end: where the next number would begin.
    ends = np.stack([own, np.nextafter(own, np.inf)], axis=1)
    found = np.empty(ends.shape, np.int64)
    for row, first, last in zip(ascending, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        found[first:last] = row.searchsorted(ends[first:last])
    tied = found[:, 1] - found[:, 0]
    above = scores.shape[1] - found[:, 1]
    ranks = above + 1
    for row in np.unique(query[tied > 1]):
        mine = slice(bounds[row], bounds[row + 1])
        ranks[mine] += _before_in_tie(scores[row], positives[mine], tied[mine])
    order = np.lexsort((ranks, query))
    columns = ranks[order], above[order], tied[order]
    return [Placed(*(column[first:last] for column in columns)) for first, last in pairwise(bounds.tolist())]


def _before_in_tie(scores: Float32, positives: Int64, tied: Int64) -> Int64:
    """How many entries of a positive's score stand earlier in the gallery: (p,)."""
    own = scores[positives]
    before = np.zeros(len(own), np.int64)
    for value in np.unique(own[tied > 1]):
        same = own == value
        before[same] = np.searchsorted(np.flatnonzero(scores == value), positives[same])
    return before


def average_precision(ranks: Int64, rule: ApRule | Literal["step", "trapezoid", "at_r"] = "step") -> float:
    """Average precision of one query whose positives have definite ranks.

    With positives at ranks r_1 < ... < r_p:

    - ``step`` is the mean of i / r_i (the information-retrieval definition).
    - ``trapezoid`` is the mean of (i / r_i + o_i) / 2 with o_i = (i - 1) / (r_i - 1), and o_i = 1 where r_i = 1: the
      area under the linearly interpolated precision-recall curve of the Oxford Buildings (Philbin et al., CVPR 2007)
      and Market-1501 (Zheng et al., ICCV 2015) evaluations.
    - ``at_r`` is the sum of i / r_i over r_i <= p, divided by p (MAP@R of Musgrave et al., ECCV 2020).
    - ``at_k`` is the sum of i / r_i over r_i <= k, divided by p (``n``), by min(k, p) (``min_k_n``), or by how many
      r_i <= k there are (``hits``; 0 where there is none).
    - ``sklearn`` is ``step`` here; where scores are tied it is :func:`threshold_precision`.

    Args:
        ranks: (p,) ascending 1-based ranks, p >= 1.
        rule: the definition.
    """
    rule = ApRule(rule) if isinstance(rule, str) else rule
    return float(average_precisions(ranks, np.array([len(ranks)]), rule)[0])


def average_precisions(ranks: Int64, counts: Int64, rule: ApRule) -> NDArray[np.float64]:
    """:func:`average_precision` of several queries at once: (queries,).

    Args:
        ranks: (p,) ranks of every query's positives, ascending, one query after the other.
        counts: (queries,) how many positives each has, at least one.
        rule: the definition.
    """
    first = np.cumsum(counts) - counts
    found = np.arange(1, len(ranks) + 1) - np.repeat(first, counts)
    precision = found / ranks
    if rule.method == "trapezoid":
        before = np.where(ranks == 1, 1.0, (found - 1) / np.maximum(ranks - 1, 1))
        precision = (precision + before) / 2
    within = ranks <= np.repeat(last_rank(rule, counts), counts)
    divisor = ap_divisor(rule, counts, np.add.reduceat(within, first, dtype=np.int64))
    values: NDArray[np.float64] = np.add.reduceat(precision * within, first) / np.maximum(divisor, 1)
    return values


def threshold_precision(placed: Placed) -> float:
    """AP of one query with a tie as one threshold, as scikit-learn's ``average_precision_score`` has it.

    Every positive counts the precision at the end of its tie: the mean of (positives so far) / (above + tied). It
    depends on no order of the gallery.
    """
    so_far = np.searchsorted(placed.above, placed.above, side="right")
    return float((so_far / (placed.above + placed.tied)).mean())


def last_rank(rule: ApRule, positives: Int64) -> Int64:
    """The last rank that a definition looks at, for queries with so many positives (queries,)."""
    if rule.method == "at_r":
        return positives
    return np.full_like(positives, rule.k if rule.method == "at_k" else np.iinfo(np.int64).max)


def ap_divisor(rule: ApRule, positives: Int64, hits: Int64) -> Int64:
    """What the sum of precisions is divided by: ``hits`` of the ``positives`` stand within the cut-off; (queries,)."""
    if rule.method != "at_k" or rule.denominator == "n":
        return positives
    return hits if rule.denominator == "hits" else np.minimum(rule.k, positives)


def inverse_negative_penalty(ranks: Int64) -> float:
    """INP of one query: p / r_p, how early its hardest positive is found (Ye et al., TPAMI 2022, eq. 1).

    Args:
        ranks: (p,) ascending 1-based ranks, p >= 1.
    """
    return float(inverse_negative_penalties(ranks, np.array([len(ranks)]))[0])


def inverse_negative_penalties(ranks: Int64, counts: Int64) -> NDArray[np.float64]:
    """:func:`inverse_negative_penalty` of several queries at once: (queries,); arguments as above."""
    values: NDArray[np.float64] = counts / ranks[np.cumsum(counts) - 1]
    return values
