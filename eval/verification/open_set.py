"""Open-set identification: searches in galleries from which some identities are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.open_set import mated_scores, unmated_scores
from eval.seams.mode import WHOLE_PART
from eval.statistics.pair_bootstrap import FIXED, PairProblem, ScoredPairs
from eval.verification.pair_scores import best_scores
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from eval.verification.samples import PairDraw, PairSamples

SHARES = 1000
"""Steps in which an error message names the shares that work."""


class OpenSetSearches:
    """Searches in galleries from which a ``share`` of the identities is removed, at random in every draw."""

    def __init__(self, samples: PairSamples, share: float, rng: np.random.Generator) -> None:
        self._samples, self._share = samples, share
        self._seed = int(rng.integers(2**63))

    def problem(self, query: Int64, gallery: Int64, number: int) -> PairProblem | None:
        """Score mated searches as genuine and unmated ones as impostor pairs; None if one kind has none.

        A query whose mates are all junk is neither mated nor unmated.

        Args:
            query: rows of queries of known identities.
            gallery: rows of the whole gallery.
            number: number of the draw.
        """
        samples = self._samples
        enrolled = self._random_order(gallery, number)
        unknown = enrolled[: round(self._share * len(enrolled))]
        remaining = gallery[~np.isin(samples.identity[gallery], unknown)]
        if not len(remaining):
            return None
        best = best_scores(samples.side(query), samples.side(remaining))
        mated = np.isfinite(best.mate)
        unmated = ~np.isin(samples.identity[query], samples.identity[remaining])
        if not mated.any() or not unmated.any():
            return None
        return PairProblem(
            _single(mated_scores(best)[mated], samples.units(query[mated])),
            _single(unmated_scores(best)[unmated], samples.units(query[unmated])),
        )

    def refusal(self, part: str, number: int) -> InputError:
        """Make the error of a draw without mated or unmated searches; it names the shares that work in every draw."""
        bounds = {
            (name, n): self._bounds(draw, n)
            for name, draws in self._samples.parts.items()
            for n, draw in enumerate(draws)
        }
        shares = [at / SHARES for at in range(SHARES) if all(limits.allow(at / SHARES) for limits in bounds.values())]
        limits = bounds[part, number]
        removed = round(self._share * limits.enrolled)
        kind = "unknown" if removed < limits.least else "known"
        where = f" of {part}" if part != WHOLE_PART else ""
        way = (
            f"unknown from {shares[0]:g} to {shares[-1]:g} works in every draw"
            if shares
            else "no value works in every draw, so leave the option out"
        )
        return InputError(
            f"unknown={self._share:g} takes {removed} of the {limits.enrolled} identities{where} out of a draw's "
            f"gallery, which leaves no query of an identity that is {kind} there; {way}."
        )

    def _bounds(self, draw: PairDraw, number: int) -> _Bounds:
        samples = self._samples
        order = self._random_order(draw.gallery, number)
        place = {int(identity): at for at, identity in enumerate(order)}
        mates = best_scores(samples.side(draw.identified), samples.side(draw.gallery)).mate
        with_mate = draw.identified[np.isfinite(mates)]
        mated = [place[int(identity)] for identity in np.unique(samples.identity[with_mate])]
        # A query whose identity is not in the gallery is unmated before any identity is removed.
        unmated = [place.get(int(identity), -1) + 1 for identity in np.unique(samples.identity[draw.identified])]
        return _Bounds(len(order), min(unmated, default=len(order) + 1), max(mated, default=-1))

    def _random_order(self, gallery: Int64, number: int) -> Int64:
        """Numbers of the identities in a gallery, in the order in which they are removed."""
        enrolled = np.unique(self._samples.identity[self._samples.with_identity(gallery)])
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, number])))
        keys = rng.random(len(self._samples.identity_names))  # one for every identity, whatever the gallery
        order: Int64 = enrolled[np.argsort(keys[enrolled])]
        return order


class _Bounds(NamedTuple):
    """Number of identities ``enrolled`` in a gallery, and at ``least`` and ``most`` how many may be removed."""

    enrolled: int
    least: int
    most: int

    def allow(self, share: float) -> bool:
        """Whether there are mated and unmated searches if this share is removed."""
        return self.least <= round(share * self.enrolled) <= self.most


def _single(scores: Float32, units: Int64) -> ScoredPairs:
    return ScoredPairs(scores.astype(np.float64), units, np.full(len(units), FIXED), np.ones(len(units)))
