"""Exact expectations of ranking metrics where every order of tied entries is equally likely.

A tie of s entries with h positives has a entries above it, c of them positives. Its entry j = 1 ... s is a positive
with probability h / s; then (j - 1)(h - 1) / (s - 1) further positives of the tie are expected before it
(hypergeometric mean; McSherry and Najork, ECIR 2008). Nothing is sampled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.ranking import ApRule, PositiveRanks, ap_divisor, last_rank, threshold_precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Tie(NamedTuple):
    """A tie with a positive: ``above`` a, ``size`` s, ``before`` c and ``hits`` h of the module's docstring."""

    above: int
    size: int
    before: int
    hits: int


def ties_of(positives: PositiveRanks) -> Iterator[Tie]:
    """Yield the ties that have positives, best first; a single entry is a tie of one."""
    values, first, hits = np.unique(positives.above, return_index=True, return_counts=True)
    for above, start, count in zip(values.tolist(), first.tolist(), hits.tolist(), strict=True):
        yield Tie(above, int(positives.tied[start]), start, count)


def expected_average_precision(positives: PositiveRanks, rule: ApRule) -> float:
    """Expectation of the AP of :func:`eval.metrics.ranking.average_precisions` of one query.

    ``sklearn`` does not depend on the order. Every definition is linear in the precisions of the positives, except
    ``at_k`` with ``hits``, whose divisor is random too; it is computed conditional on the number of hits within the
    cut-off.
    """
    if rule.method == "sklearn":
        return threshold_precision(positives)
    count = np.array(len(positives.stable))
    cutoff = int(last_rank(rule, count))
    total = 0.0
    for tie in ties_of(positives):
        places = min(max(cutoff - tie.above, 0), tie.size)
        if places < tie.size and rule.method == "at_k" and rule.denominator == "hits":
            return _over_hits(total, tie, places)
        total += _precisions(tie, places, tie.hits / tie.size, tie.hits - 1, tie.size - 1, rule)
    return total / int(ap_divisor(rule, count, count))


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

    Each place is a positive with probability ``share``; then ``others`` further positives are spread evenly over the
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


def expected_match(positives: PositiveRanks, length: int) -> NDArray[np.float64]:
    """Probability (length,) that the first positive is at rank k or better, for k = 1 ... length.

    Within the best tie it is 1 - C(s - h, m) / C(s, m), where m = k - a is the number of its places up to rank k.
    """
    first = next(ties_of(positives))
    place = np.arange(1, first.size + 1)
    # The product of (s - h - i) / (s - i) over i < m, one factor per place.
    none = np.cumprod(np.maximum(first.size - first.hits - place + 1, 0) / (first.size - place + 1))
    curve = np.ones(max(length, first.above + first.size))
    curve[: first.above] = 0
    curve[first.above : first.above + first.size] = 1 - none
    return curve[:length]


def expected_inverse_negative_penalty(positives: PositiveRanks) -> float:
    """Expectation of p / r_p.

    The last of h positives is at place j of its tie with probability C(j-1, h-1) / C(s, h).
    """
    *_, last = ties_of(positives)
    place = np.arange(last.hits, last.size + 1)
    # From the last place down, C(j-1, h-1) shrinks by (j - h + 1) / j.
    shrink = (place[:-1] - last.hits + 1) / place[:-1]
    chance = last.hits / last.size * np.append(np.cumprod(shrink[::-1])[::-1], 1.0)
    return float((chance * len(positives.stable) / (last.above + place)).sum())
