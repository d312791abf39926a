"""Verification: options, and scores of the pairs and searches of every draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval.ranking.identities import CameraRule
from eval.seams.mode import WHOLE_PART, ModeConfig
from eval.seams.options import Fractions, Identities, Names
from eval.statistics.pair_summary import DrawScores, PairScores
from eval.statistics.slices import slice_names
from eval.verification.open_set import OpenSetSearches
from eval.verification.pair_scores import score_pairs
from eval.verification.samples import PairDraw, PairSamples
from eval.verification.slices import SliceDraw
from eval.verification.thresholds import AUTO_SPLITS, HELD_OUT, NO_SPLITS
from retrieval.errors import InputError, TestDataError
from retrieval.types import Int64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


TEST_ROLES = ("test", "query", "gallery")


class VerificationConfig(ModeConfig):
    """Options of ``verification``."""

    pairs: Literal["query-gallery", "all"] = Field(
        default="query-gallery",
        description="Pairs that are compared: every query with every gallery sample, or all pairs of both together.",
    )
    camera_rule: CameraRule = Field(
        default="auto",
        description="market1501 leaves pairs of one identity and camera out, none keeps them; auto is market1501 "
        "where every camera is known.",
    )
    fpr: Fractions = Field(
        default=(0.001, 0.01, 0.1), description="False positive rates at which TPR and FNMR are reported."
    )
    threshold_from: Names = Field(
        default=AUTO_SPLITS,
        description="Splits whose identities set the threshold: val, or val,train. auto is val, or both where val has "
        "no genuine pairs; none sets no threshold.",
    )
    threshold_fmr: float = Field(
        default=0.01, gt=0, lt=1, description="False match rate at which the threshold is set."
    )
    unknown: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the gallery's identities that is taken out of it for open-set identification; 0 makes "
        "none.",
    )
    fpir: Fractions = Field(
        default=(0.01, 0.1), description="False positive identification rates at which FNIR is reported."
    )
    identity_columns: Names = Field(
        default=("identity",),
        description="Columns that together are the identity; a pair is genuine where all agree. The bootstrap "
        "resamples values of the column identity all the same.",
    )
    junk_identities: Identities = Field(
        default=(), description="Identities that are ignored altogether; leading zeros do not count."
    )
    distractor_identities: Identities = Field(
        default=(), description="Identities that match nothing; leading zeros do not count."
    )
    slice: str | None = Field(
        default=None,
        description="Column for whose values the metrics are also computed one by one, over the pairs whose query has "
        "the value.",
    )

    @field_validator("fpr", "fpir")
    @classmethod
    def _check_rates(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len({f"{rate:g}" for rate in rates}) < len(rates):
            raise PydanticCustomError("rates", "two of the rates would have one name; give each once")
        return rates

    @field_validator("threshold_from")
    @classmethod
    def _check_threshold_from(cls, splits: tuple[str, ...]) -> tuple[str, ...]:
        of_test = [split for split in splits if split in TEST_ROLES]
        if of_test:
            raise TestDataError(
                f"threshold_from={','.join(splits)} would choose the threshold on test data ({of_test[0]}); pass "
                "`threshold_from=val`, val,train, or none."
            )
        if splits not in {AUTO_SPLITS, NO_SPLITS} and not set(splits) <= set(HELD_OUT):
            raise PydanticCustomError("threshold_from", "it is auto, none, or some of val,train")
        return splits

    @model_validator(mode="after")
    def _check_slice(self) -> VerificationConfig:
        if self.slice is not None and self.pairs == "all":
            raise PydanticCustomError(
                "slice", "slice gives metrics by query, and pairs=all has no queries; leave one of the two out"
            )
        return self


class DrawResult(NamedTuple):
    """One draw: its scores, its counts, and its number of queries without a known identity."""

    scores: DrawScores
    counts: dict[str, int]
    without_identity: int


class Scoring:
    """Scores the pairs and searches of draws.

    Args:
        samples: of the evaluation.
        config: options.
        thresholds: per part, if set before.
        choosing: chooses the identities that are removed from galleries.
        sampling: samples pairs, if there are very many.
    """

    def __init__(
        self,
        samples: PairSamples,
        config: VerificationConfig,
        thresholds: Mapping[str, float],
        choosing: np.random.Generator,
        sampling: np.random.Generator,
    ) -> None:
        self._samples, self._config, self._thresholds, self._rng = samples, config, thresholds, sampling
        self._searches = OpenSetSearches(samples, config.unknown, choosing)

    def results(self) -> dict[str, list[DrawResult]]:
        """Score all draws of every part.

        Raises:
            InputError: a draw has no genuine or no impostor pairs, or lacks searches that the options ask for.
        """
        draws_of = {
            part: [self._score(draw, part, number) for number, draw in enumerate(self._distinct(draws))]
            for part, draws in self._samples.parts.items()
        }
        for part, results in draws_of.items() if self._config.unknown else ():
            for number, result in enumerate(results):
                if result.scores.searches is None:
                    raise self._searches.refusal(part, number)
        return draws_of

    def slices(self, column: NDArray[np.object_], rng: np.random.Generator) -> dict[str, dict[str, list[SliceDraw]]]:
        """Score the queries of every slice against whole galleries.

        Args:
            column: (n,) values that are the slices.
            rng: samples pairs, if there are very many.

        Returns:
            Slice -> part -> draws.
        """
        slices, parts = slice_names(column), self._samples.parts
        queries = np.concatenate([draw.identified for draws in parts.values() for draw in draws])
        return {
            str(name): {
                part: [self._sliced(draw, slices == name, part, number, rng) for number, draw in enumerate(draws)]
                for part, draws in parts.items()
            }
            for name in sorted(set(slices[queries]))
        }

    def _distinct(self, draws: Sequence[PairDraw]) -> Sequence[PairDraw]:
        """The draws; only the first if every draw would compare all pairs of the same samples."""
        if self._config.pairs == "query-gallery" or self._config.unknown:
            return draws
        first = np.union1d(draws[0].query, draws[0].gallery)
        same = all(np.array_equal(first, np.union1d(draw.query, draw.gallery)) for draw in draws)
        return draws[:1] if same else draws

    def _score(self, draw: PairDraw, part: str, number: int) -> DrawResult:
        samples = self._samples
        scores = self._scores(draw.identified, draw.gallery, part, number, self._rng)
        if not scores.pairs.genuine.total or not scores.pairs.impostor.total:
            raise self._no_pairs(draw, scores.pairs, part)
        units = samples.unit[np.concatenate([draw.identified, draw.gallery])]
        counts = {
            "query": len(draw.identified),
            "gallery": len(draw.gallery),
            "identities": len(np.unique(units[units >= 0])),
            "genuine": scores.pairs.genuine.total,
            "impostor": scores.pairs.impostor.total,
        }
        if scores.searches is not None:
            counts |= {"mated": len(scores.searches.genuine.scores), "unmated": len(scores.searches.impostor.scores)}
        return DrawResult(scores, counts, len(draw.query) - len(draw.identified))

    def _sliced(
        self, draw: PairDraw, chosen: NDArray[np.bool_], part: str, number: int, rng: np.random.Generator
    ) -> SliceDraw:
        query = draw.identified[chosen[draw.identified]]
        return SliceDraw(self._scores(query, draw.gallery, part, number, rng), self._samples.units(query))

    def _scores(self, query: Int64, gallery: Int64, part: str, number: int, rng: np.random.Generator) -> DrawScores:
        side, units = self._samples.side, self._samples.units
        if self._config.pairs == "all":
            rows = self._samples.with_identity(np.union1d(query, gallery))
            pairs = score_pairs(side(rows), None, rng, (units(rows), units(rows)))
        else:
            pairs = score_pairs(side(query), side(gallery), rng, (units(query), units(gallery)))
        return DrawScores(pairs, self._searches.problem(query, gallery, number), self._thresholds.get(part))

    def _no_pairs(self, draw: PairDraw, pairs: PairScores, part: str) -> InputError:
        where = f" of {part}" if part != WHOLE_PART else ""
        if pairs.genuine.total:
            return InputError(f"All samples{where} are of one identity, so there is no impostor pair; widen `where`.")
        identity = self._samples.identity
        way = (
            "camera_rule=market1501 leaves pairs of one camera out: pass `camera_rule=none` to keep them"
            if self._samples.has_cameras and np.isin(identity[draw.identified], identity[draw.gallery]).any()
            else "check how identities are written (prefixes; `join_spellings=true` joins leading zeros and case), or "
            "pass `pairs=all`"
        )
        return InputError(f"No two samples{where} to compare are of one identity; {way}.")
