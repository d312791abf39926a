"""Ranks and metrics of one query, by the functions that take many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from eval.metrics.ranking import ApRule, average_precisions, inverse_negative_penalties, positive_ranks

if TYPE_CHECKING:
    from eval.metrics.ranking import PositiveRanks
    from retrieval.types import Float32, Int64


def query_ranks(scores: Float32, positives: Int64) -> PositiveRanks:
    """Ranks of one query's positives: ascending entries of ``scores`` (gallery,)."""
    return positive_ranks(scores[None], positives, np.array([0, len(positives)])).queries()[0]


def average_precision(ranks: Int64, rule: ApRule | Literal["step", "trapezoid", "at_r"] = "step") -> float:
    """AP of one query from the ascending ranks (p,) of its positives."""
    rule = ApRule(rule) if isinstance(rule, str) else rule
    return float(average_precisions(ranks, np.array([len(ranks)]), rule)[0])


def inverse_negative_penalty(ranks: Int64) -> float:
    """INP of one query from the ascending ranks (p,) of its positives."""
    return float(inverse_negative_penalties(ranks, np.array([len(ranks)]))[0])
