"""Exact expectations of ranking metrics where every order of tied entries is equally likely.

A tie of s entries with h positives has a entries above it, c of them positives. At its place j = 1 ... s stands a
positive with probability h / s, and then (j - 1)(h - 1) / (s - 1) further positives of the tie are expected before it
(hypergeometric mean; McSherry and Najork, ECIR 2008). Nothing is sampled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.ranking import ApRule, Placed, ap_divisor, last_rank, threshold_precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Tie(NamedTuple):
    """Entries of one score with a positive among them: counts as in the module's text."""

    above: int
    size: int
    before: int
    hits: int


def ties_of(placed: Placed) -> Iterator[Tie]:
    """The ties that hold positives, best first; an entry alone is a tie of one."""
    values, first, hits = np.unique(placed.above, return_index=True, return_counts=True)
    for above, start, count in zip(values.tolist(), first.tolist(), hits.tolist(), strict=True):
        yield Tie(above, int(placed.tied[start]), start, count)


def expected_average_precision(placed: Placed, rule: ApRule) -> float:
    """Expectation of :func:`eval.metrics.ranking.average_precision`; ``sklearn`` depends on no order.

    Every definition is linear in the positives' precisions, save for ``at_k`` with ``hits``, whose divisor is random
    too: there the number of hits within the cut-off is conditioned on.
    """
    if rule.method == "sklearn":
        return threshold_precision(placed)
    positives = np.array(len(placed.ranks))
    cutoff = int(last_rank(rule, positives))
    total = 0.0
    for tie in ties_of(placed):
        places = min(max(cutoff - tie.above, 0), tie.size)
        if places < tie.size and rule.method == "at_k" and rule.denominator == "hits":
            return _over_hits(total, tie, places)
        total += _precisions(tie, places, tie.hits / tie.size, tie.hits - 1, tie.size - 1, rule)
    return total / int(ap_divisor(rule, positives, positives))


def _over_hits(total: float, tie: Tie, places: int) -> float:
    """E[(total + precisions of the hits in the first ``places`` of a tie) / (hits before the tie and in them)]."""
    rule = ApRule("at_k")
    result = 0.0
    for hits in range(max(0, tie.hits - (tie.size - places)), min(places, tie.hits) + 1):
        ways = math.comb(places, hits) * math.comb(tie.size - places, tie.hits - hits)
        if tie.before + hits:
            share = hits / places if places else 0.0
            inside = _precisions(tie, places, share, hits - 1, places - 1, rule)
            result += ways / math.comb(tie.size, tie.hits) * (total + inside) / (tie.before + hits)
    return result


def _precisions(tie: Tie, places: int, share: float, others: int, among: int, rule: ApRule) -> float:
    """Expected sum of precisions over the first places of a tie.

    Each place holds a positive with probability ``share``; then ``others`` further positives lie evenly over the
    ``among`` other places.
    """
    if not places or share == 0:
        return 0.0
    place = np.arange(1, places + 1)
    rank = tie.above + place
    before = tie.before + (place - 1) * (others / among if among else 0.0)
    precision = (before + 1) / rank
    if rule.method == "trapezoid":
        precision = (precision + np.where(rank == 1, 1.0, before / np.maximum(rank - 1, 1))) / 2
    return float(share * precision.sum())


def expected_match(placed: Placed, length: int) -> NDArray[np.float64]:
    """Probability (length,) that the first positive stands at rank k or better, for k = 1 ... length.

    For the best tie that is 1 - C(s - h, m) / C(s, m) with m = k - a of its places looked at.
    """
    first = next(ties_of(placed))
    place = np.arange(1, first.size + 1)
    # The product of (s - h - i) / (s - i) over i < m, one factor per place.
    none = np.cumprod(np.maximum(first.size - first.hits - place + 1, 0) / (first.size - place + 1))
    curve = np.ones(max(length, first.above + first.size))
    curve[: first.above] = 0
    curve[first.above : first.above + first.size] = 1 - none
    return curve[:length]


def expected_inverse_negative_penalty(placed: Placed) -> float:
    """Expectation of p / r_p: the last of h positives stands at place j of its tie with C(j-1, h-1) / C(s, h)."""
    *_, last = ties_of(placed)
    place = np.arange(last.hits, last.size + 1)
    # From the last place down, C(j-1, h-1) shrinks by (j - h + 1) / j.
    shrink = (place[:-1] - last.hits + 1) / place[:-1]
    chance = last.hits / last.size * np.append(np.cumprod(shrink[::-1])[::-1], 1.0)
    return float((chance * len(placed.ranks) / (last.above + place)).sum())
