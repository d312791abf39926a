"""Open-set identification: searches of people some of whom are taken out of the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.open_set import mated_scores, unmated_scores
from eval.seams.mode import WHOLE_PART
from eval.statistics.pair_bootstrap import FIXED, PairProblem, ScoredPairs
from eval.verification.pair_scores import best_scores
from retrieval.errors import InputError
from retrieval.types import Float32, Int64, digest

if TYPE_CHECKING:
    from eval.verification.samples import PairDraw, PairSamples

SHARES = 1000
"""Steps in which an error names the shares that work."""


class OpenSetSearches:
    """Searches in galleries from which a ``share`` of the enrolled identities is taken out, by chance in every draw."""

    def __init__(self, samples: PairSamples, share: float, rng: np.random.Generator) -> None:
        self._samples, self._share = samples, share
        self._seed = str(rng.integers(2**63))

    def problem(self, query: Int64, gallery: Int64, number: int) -> PairProblem | None:
        """Mated searches as genuine pairs, the others as impostors; None where there are none of a kind.

        A query all of whose mates are junk is neither mated nor unmated.

        Args:
            query: rows of queries of known identities.
            gallery: rows of the whole gallery.
            number: of the draw.
        """
        samples = self._samples
        enrolled = self._by_chance(gallery, number)
        unknown = enrolled[: round(self._share * len(enrolled))]
        left = gallery[~np.isin(samples.codes[gallery], unknown)]
        if not len(left):
            return None
        best = best_scores(samples.side(query), samples.side(left))
        mated = np.isfinite(best.mate)
        unmated = ~np.isin(samples.codes[query], samples.codes[left])
        if not mated.any() or not unmated.any():
            return None
        return PairProblem(
            _single(mated_scores(best)[mated], samples.units(query[mated])),
            _single(unmated_scores(best)[unmated], samples.units(query[unmated])),
        )

    def refusal(self, part: str, number: int) -> InputError:
        """Why a draw has no mated, or no unmated, searches, with the shares that work in every draw."""
        found = {
            (name, n): self._bounds(draw, n)
            for name, draws in self._samples.parts.items()
            for n, draw in enumerate(draws)
        }
        shares = [at / SHARES for at in range(SHARES) if all(bounds.allow(at / SHARES) for bounds in found.values())]
        here = found[part, number]
        taken = round(self._share * here.enrolled)
        kind = "unknown" if taken < here.least else "known"
        where = f" of {part}" if part != WHOLE_PART else ""
        way = (
            f"unknown from {shares[0]:g} to {shares[-1]:g} works in every draw"
            if shares
            else "no value works in every draw, so leave the option out"
        )
        return InputError(
            f"unknown={self._share:g} takes {taken} of the {here.enrolled} identities{where} out of a draw's gallery, "
            f"which leaves no query of an identity that is {kind} there; {way}."
        )

    def _bounds(self, draw: PairDraw, number: int) -> _Bounds:
        samples = self._samples
        order = self._by_chance(draw.gallery, number)
        place = {int(code): at for at, code in enumerate(order)}
        mates = best_scores(samples.side(draw.known), samples.side(draw.gallery)).mate
        mated = [place[int(code)] for code in np.unique(samples.codes[draw.known[np.isfinite(mates)]])]
        # A query whose identity is not enrolled at all is unmated before anybody is taken out.
        unmated = [place.get(int(code), -1) + 1 for code in np.unique(samples.codes[draw.known])]
        return _Bounds(len(order), min(unmated, default=len(order) + 1), max(mated, default=-1))

    def _by_chance(self, gallery: Int64, number: int) -> Int64:
        """Codes of the identities in a gallery, in the order in which they are taken out of it."""
        enrolled = np.unique(self._samples.codes[self._samples.named(gallery)])
        texts = self._samples.texts
        found: Int64 = enrolled[np.argsort([digest(self._seed, str(number), texts[code]) for code in enrolled])]
        return found


class _Bounds(NamedTuple):
    """Identities ``enrolled`` in a gallery; at ``least`` and at ``most`` so many may be taken out of it."""

    enrolled: int
    least: int
    most: int

    def allow(self, share: float) -> bool:
        """Whether mated and unmated searches are left where this share is taken out."""
        return self.least <= round(share * self.enrolled) <= self.most


def _single(scores: Float32, units: Int64) -> ScoredPairs:
    return ScoredPairs(scores.astype(np.float64), units, np.full(len(units), FIXED), np.ones(len(units)))
