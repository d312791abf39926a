"""Slices of a verification: the figures of the pairs, and searches, whose query has a value of a column."""

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
    """The queries of one slice in one draw: their scores, and the unit of each query (queries,)."""

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
    """How a slice gets its intervals: the whole's ``units``, how many ``resamples``, and where its ``rng`` starts."""

    units: int
    resamples: int
    rng: np.random.Generator


def slice_figures(
    targets: TargetRates, slices: Mapping[str, Parts], resampling: Resampling
) -> tuple[dict[str, Slice], tuple[str, ...]]:
    """Figures of every slice: means over the parts that have pairs of it, then over the draws where all of these do.

    The generator is copied, not used up: all slices get the resamples of the whole.

    Args:
        targets: rates to read off.
        slices: name of a slice -> part -> its draws, as many in every part.
        resampling: of the bootstrap.

    Returns:
        The slices that have pairs of both kinds, and warnings that name the others.
    """
    parts = {name: _with_pairs(found) for name, found in slices.items()}
    without = [name for name, found in parts.items() if not found]
    figures = {name: _figures(targets, found, resampling) for name, found in parts.items() if found}
    warnings = []
    if without:
        warnings.append(
            f"No genuine or no impostor pair has a query of slice {', '.join(without)}: left out of the slices."
        )
    searched = [name for name, found in figures.items() if "open_set_rank_1" in found.metrics]
    bare = [name for name in figures if name not in searched]
    if searched and bare:
        warnings.append(
            f"Some draws have no searches with a mate, or none without, of slice {', '.join(bare)}: open-set "
            "identification is left out there."
        )
    return figures, tuple(warnings)


def _with_pairs(parts: Parts) -> dict[str, list[SliceDraw]]:
    """Parts that have pairs in some draw, and of these the draws that have pairs in all of them; empty if none has."""
    found = {part: draws for part, draws in parts.items() if any(draw.has_pairs for draw in draws)}
    kept = [row for row in zip(*found.values(), strict=True) if all(draw.has_pairs for draw in row)]
    return {part: [row[at] for row in kept] for at, part in enumerate(found)} if kept else {}


def _figures(targets: TargetRates, parts: Parts, resampling: Resampling) -> Slice:
    draws = [draw for found in parts.values() for draw in found]
    people = np.unique(np.concatenate([draw.units[draw.units != FIXED] for draw in draws]))
    scores = {part: [draw.scores for draw in found] for part, found in parts.items()}
    rng = copy.deepcopy(resampling.rng)
    metrics = summarise_draws(targets, scores, resampling.units, resampling.resamples, rng).whole.metrics
    counts = [mean_counts([_counts(draw) for draw in found]) for found in parts.values()]
    n = {key: sum(count[key] for count in counts) for key in counts[0]}
    n = {"query": n["query"], "identities": len(people), "genuine": n["genuine"], "impostor": n["impostor"]}
    return Slice(metrics=metrics, n=n, small=is_small(n["query"], len(people)))


def _counts(draw: SliceDraw) -> dict[str, int]:
    pairs = draw.scores.pairs
    return {"query": len(draw.units), "genuine": pairs.genuine.total, "impostor": pairs.impostor.total}
