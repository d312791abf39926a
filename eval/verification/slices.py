"""Slices of a verification: metrics of the pairs, and searches, whose query has a value of a column."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.results.schema import Slice
from eval.statistics.pair_bootstrap import FIXED
from eval.statistics.pair_summary import DrawScores, TargetRates, summarise_draws
from eval.statistics.query_summary import mean_counts
from eval.statistics.slices import is_small
from retrieval.types import Int64


class SliceDraw(NamedTuple):
    """The queries of one slice in one draw: their scores, and their units (queries,)."""

    scores: DrawScores
    units: Int64

    @property
    def has_pairs(self) -> bool:
        """Whether there are genuine and impostor pairs."""
        return bool(self.scores.pairs.genuine.total and self.scores.pairs.impostor.total)


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Parts = Mapping[str, Sequence[SliceDraw]]


class Resampling(NamedTuple):
    """Bootstrap of the slices: number of ``units`` of the whole, number of ``resamples``, and generator."""

    units: int
    resamples: int
    rng: np.random.Generator


def slice_metrics(
    targets: TargetRates, slices: Mapping[str, Parts], resampling: Resampling
) -> tuple[dict[str, Slice], tuple[str, ...]]:
    """Compute the metrics of every slice: means over the parts that have pairs of it, then over draws.

    Only draws count in which all of these parts have pairs. The generator is copied, so its state does not change: all
    slices get the resamples of the whole.

    Args:
        targets: rates at which metrics are reported.
        slices: name of a slice -> part -> its draws, as many in every part.
        resampling: the bootstrap.

    Returns:
        The slices that have pairs of both kinds, and warnings that name the others.
    """
    parts = {name: _with_pairs(draws) for name, draws in slices.items()}
    without = [name for name, draws in parts.items() if not draws]
    results = {name: _slice(targets, draws, resampling) for name, draws in parts.items() if draws}
    warnings = []
    if without:
        warnings.append(f"Slice {', '.join(without)} is left out: its queries have no genuine or no impostor pair.")
    searched = [name for name, result in results.items() if "open_set_rank_1" in result.metrics]
    unsearched = [name for name in results if name not in searched]
    if searched and unsearched:
        warnings.append(
            f"Some draws have no mated or no unmated searches of slice {', '.join(unsearched)}: open-set "
            "identification is left out there."
        )
    return results, tuple(warnings)


def _with_pairs(parts: Parts) -> dict[str, list[SliceDraw]]:
    """Select the parts that have pairs in some draw, and the draws in which all of them do; empty if there is none."""
    present = {part: draws for part, draws in parts.items() if any(draw.has_pairs for draw in draws)}
    complete = [draws for draws in zip(*present.values(), strict=True) if all(draw.has_pairs for draw in draws)]
    return {part: [draws[at] for draws in complete] for at, part in enumerate(present)} if complete else {}


def _slice(targets: TargetRates, parts: Parts, resampling: Resampling) -> Slice:
    draws = [draw for part in parts.values() for draw in part]
    units = np.unique(np.concatenate([draw.units[draw.units != FIXED] for draw in draws]))
    scores = {part: [draw.scores for draw in draws_of_part] for part, draws_of_part in parts.items()}
    rng = copy.deepcopy(resampling.rng)
    metrics = summarise_draws(targets, scores, resampling.units, resampling.resamples, rng).whole.metrics
    counts = [mean_counts([_counts(draw) for draw in part]) for part in parts.values()]
    n = {key: sum(count[key] for count in counts) for key in counts[0]}
    n = {"query": n["query"], "identities": len(units), "genuine": n["genuine"], "impostor": n["impostor"]}
    return Slice(metrics=metrics, n=n, small=is_small(n["query"], len(units)))


def _counts(draw: SliceDraw) -> dict[str, int]:
    pairs = draw.scores.pairs
    return {"query": len(draw.units), "genuine": pairs.genuine.total, "impostor": pairs.impostor.total}
