"""Verification: are two images of one person? Pairs above a threshold match; and searches of people not enrolled."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval.codes import CameraRule, camera_warnings, resolve_camera_rule, universe_of
from eval.metrics.pair_bootstrap import count_couples
from eval.metrics.pair_summary import DrawScores, Targets, count_matched, curves_of, summarise_draws
from eval.metrics.slices import slice_names
from eval.metrics.summary import mean_counts
from eval.mode import WHOLE_PART, Arrays, Identities, ModeConfig, Names, Needs, split_text
from eval.pair_samples import PairSamples, Telling
from eval.pair_slices import Resampling, SlicedDraw, slice_figures
from eval.pair_thresholds import AUTO, HELD_OUT, NONE, choose_thresholds
from eval.result import Evaluation, Part, Slice
from eval.scorers.pairs import PairScores, score_pairs
from eval.scorers.similarity import require_unit
from eval.searches import Searches
from retrieval.errors import InputError, TestDataError
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.pair_samples import PairDraw

TEST_ROLES = ("test", "query", "gallery")


def _numbers(value: object) -> object:
    return [value] if isinstance(value, float) else split_text(value)


Fractions: TypeAlias = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_numbers), Field(min_length=1)
]


class VerificationConfig(ModeConfig):
    """Options of ``verification``.

    ``pairs``: every query with every gallery image, or ``all`` pairs of both together. ``camera_rule`` as in ``reid``:
    ``market1501`` leaves pairs of one identity and camera out. ``fpr``: where TPR and FNMR are read off.
    ``threshold_from``: splits whose identities set the threshold, at the false match rate ``threshold_fmr``; ``auto``
    is val, or val and train where val has no genuine pairs; ``none`` sets no threshold. ``unknown``: share of the
    gallery's identities that are taken out of it for open-set identification, read off at ``fpir``.
    ``identity_columns``: a pair is genuine where all of these agree; the bootstrap resamples people all the same.
    ``junk_identities`` are ignored; ``distractor_identities`` match nothing; leading zeros do not count. ``slice``: a
    column whose values get figures of their own, of the pairs whose query has the value.
    """

    pairs: Literal["query-gallery", "all"] = "query-gallery"
    camera_rule: CameraRule = "auto"
    fpr: Fractions = (0.001, 0.01, 0.1)
    threshold_from: Names = AUTO
    threshold_fmr: float = Field(default=0.01, gt=0, lt=1)
    unknown: float = Field(default=0.0, ge=0, lt=1)
    fpir: Fractions = (0.01, 0.1)
    identity_columns: Names = ("identity",)
    junk_identities: Identities = ()
    distractor_identities: Identities = ()
    slice: str | None = None

    @field_validator("fpr", "fpir")
    @classmethod
    def _told_apart(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len({f"{rate:g}" for rate in rates}) < len(rates):
            raise PydanticCustomError("rates", "two of the rates would have one name; give each once")
        return rates

    @field_validator("threshold_from")
    @classmethod
    def _never_test(cls, splits: tuple[str, ...]) -> tuple[str, ...]:
        of_test = [split for split in splits if split in TEST_ROLES]
        if of_test:
            raise TestDataError(
                f"threshold_from={','.join(splits)} would choose the threshold on test data ({of_test[0]}); pass -o "
                "threshold_from=val, val,train, or none."
            )
        if splits not in {AUTO, NONE} and not set(splits) <= set(HELD_OUT):
            raise PydanticCustomError("threshold_from", "it is auto, none, or some of val,train")
        return splits

    @model_validator(mode="after")
    def _sliced_by_query(self) -> VerificationConfig:
        if self.slice is not None and self.pairs == "all":
            raise PydanticCustomError(
                "slice", "slice gives figures by query, and pairs=all has no queries; leave one of the two out"
            )
        return self


class Verification:
    """The mode ``verification``."""

    name = "verification"
    config_type = VerificationConfig

    def needs(self, config: VerificationConfig) -> Needs:
        """Queries and gallery with identity and camera; val and train for the threshold."""
        held_out = () if config.threshold_from == NONE else HELD_OUT
        columns = tuple(
            dict.fromkeys(["identity", "camera", *config.identity_columns, *([config.slice] if config.slice else [])])
        )
        return Needs(("query", "gallery"), config.views, columns, held_out)

    def evaluate(self, arrays: Arrays, config: VerificationConfig, rng: np.random.Generator) -> Evaluation:
        """AUC, EER, TPR@FPR, FNMR@FMR, the threshold's error rates, open-set FNIR@FPIR; intervals over identities.

        Raises:
            InputError: a vector is not of length one, cameras or held-out identities are needed and missing, a draw
                has no genuine or no impostor pair, or ``unknown`` leaves one without mated or unmated searches.
        """
        for view in config.views:
            require_unit(arrays.vectors[view], arrays.ids, view)
        config = config.model_copy(update={"camera_rule": resolve_camera_rule(arrays, config.camera_rule)})
        bootstrap, sampling, choosing, slicing = rng.spawn(4)
        telling = Telling(
            config.views,
            config.identity_columns,
            config.junk_identities,
            config.distractor_identities,
            config.camera_rule,
        )
        samples = PairSamples(arrays, telling)
        thresholds = choose_thresholds(samples, arrays.parts, config.threshold_from, config.threshold_fmr, sampling)
        scoring = _Scoring(samples, config, thresholds.values, choosing, sampling)
        results = scoring.results()
        targets = Targets(config.fpr, config.fpir)
        scores = {part: [result.scores for result in found] for part, found in results.items()}
        again = Resampling(samples.people, config.bootstrap, copy.deepcopy(bootstrap))
        summaries = summarise_draws(targets, scores, samples.people, config.bootstrap, bootstrap)
        sections = {
            part: Part(metrics=summary.metrics, draws=summary.draws, n=count)
            for (part, summary), count in zip(summaries.parts.items(), _counts(results), strict=True)
        }
        n = {key: sum(section.n[key] for section in sections.values()) for key in next(iter(sections.values())).n}
        names = samples.names()
        slices: dict[str, Slice] = {}
        notes: tuple[str, ...] = ()
        if config.slice:
            by_query = scoring.slices(arrays.columns[config.slice], slicing)
            slices, notes = slice_figures(targets, by_query, again)
        return Evaluation(
            metrics=summaries.whole.metrics,
            draws=summaries.whole.draws,
            n={**n, "identities": len(names), **thresholds.counts},
            label_universe=universe_of(names),
            parts=None if WHOLE_PART in sections else sections,
            slices=slices or None,
            config={
                **config.model_dump(mode="json", exclude=None if config.slice else {"slice"}),
                "draws": len(summaries.whole.draws),
                "threshold_from": list(thresholds.splits),
                "threshold_samples": thresholds.sha256,
            },
            warnings=(
                *camera_warnings(arrays, config.camera_rule),
                *thresholds.warnings,
                *_warnings(results),
                *_too_rare(results, config),
                *notes,
            ),
            curves=curves_of(scores),
            thresholds={part or "whole": value for part, value in thresholds.values.items()} or None,
        )


MODE = Verification()


class DrawResult(NamedTuple):
    """One draw: its scores, its counts, and how many queries have no known identity."""

    scores: DrawScores
    counts: dict[str, int]
    nameless: int


class _Scoring:
    """Scores pairs and searches of draws."""

    def __init__(
        self,
        samples: PairSamples,
        config: VerificationConfig,
        thresholds: Mapping[str, float],
        choosing: np.random.Generator,
        sampling: np.random.Generator,
    ) -> None:
        self._samples, self._config, self._thresholds, self._rng = samples, config, thresholds, sampling
        self._searches = Searches(samples, config.unknown, choosing)

    def results(self) -> dict[str, list[DrawResult]]:
        """Part -> its draws.

        Raises:
            InputError: a draw has no pairs, or lacks searches that were asked for.
        """
        found = {
            part: [self._score(draw, part, number) for number, draw in enumerate(self._distinct(draws))]
            for part, draws in self._samples.parts.items()
        }
        for part, results in found.items() if self._config.unknown else ():
            for number, result in enumerate(results):
                if result.scores.searches is None:
                    raise self._searches.refusal(part, number)
        return found

    def slices(self, column: NDArray[np.object_], rng: np.random.Generator) -> dict[str, dict[str, list[SlicedDraw]]]:
        """Score the queries of every slice alone, against whole galleries: slice -> part -> draws."""
        called, parts = slice_names(column), self._samples.parts
        queries = np.concatenate([draw.known for draws in parts.values() for draw in draws])
        return {
            str(name): {
                part: [self._sliced(draw, called == name, part, number, rng) for number, draw in enumerate(draws)]
                for part, draws in parts.items()
            }
            for name in sorted(set(called[queries]))
        }

    def _distinct(self, draws: Sequence[PairDraw]) -> Sequence[PairDraw]:
        """The draws; the first alone where all pairs of the same samples would be compared in each."""
        if self._config.pairs == "query-gallery" or self._config.unknown:
            return draws
        first = np.union1d(draws[0].query, draws[0].gallery)
        same = all(np.array_equal(first, np.union1d(draw.query, draw.gallery)) for draw in draws)
        return draws[:1] if same else draws

    def _score(self, draw: PairDraw, part: str, number: int) -> DrawResult:
        samples = self._samples
        scores = self._scores(draw.known, draw.gallery, part, number, self._rng)
        if not scores.pairs.genuine.total or not scores.pairs.impostor.total:
            raise self._no_pairs(draw, scores.pairs, part)
        people = samples.person[np.concatenate([draw.known, draw.gallery])]
        counts = {
            "query": len(draw.known),
            "gallery": len(draw.gallery),
            "identities": len(np.unique(people[people >= 0])),
            "genuine": scores.pairs.genuine.total,
            "impostor": scores.pairs.impostor.total,
        }
        if scores.searches is not None:
            counts |= {"mated": len(scores.searches.genuine.scores), "unmated": len(scores.searches.impostor.scores)}
        return DrawResult(scores, counts, len(draw.query) - len(draw.known))

    def _sliced(
        self, draw: PairDraw, chosen: NDArray[np.bool_], part: str, number: int, rng: np.random.Generator
    ) -> SlicedDraw:
        query = draw.known[chosen[draw.known]]
        return SlicedDraw(self._scores(query, draw.gallery, part, number, rng), self._samples.units(query))

    def _scores(self, query: Int64, gallery: Int64, part: str, number: int, rng: np.random.Generator) -> DrawScores:
        side, units = self._samples.side, self._samples.units
        if self._config.pairs == "all":
            rows = self._samples.named(np.union1d(query, gallery))
            pairs = score_pairs(side(rows), None, rng, (units(rows), units(rows)))
        else:
            pairs = score_pairs(side(query), side(gallery), rng, (units(query), units(gallery)))
        return DrawScores(pairs, self._searches.problem(query, gallery, number), self._thresholds.get(part))

    def _no_pairs(self, draw: PairDraw, pairs: PairScores, part: str) -> InputError:
        where = f" of {part}" if part != WHOLE_PART else ""
        if pairs.genuine.total:
            return InputError(f"All images{where} are of one identity, so there is no impostor pair; widen --where.")
        codes = self._samples.codes
        way = (
            "camera_rule=market1501 leaves pairs of one camera out: pass -o camera_rule=none to keep them"
            if self._samples.has_cameras and np.isin(codes[draw.known], codes[draw.gallery]).any()
            else "check how identities are written (leading zeros, prefixes), or pass -o pairs=all"
        )
        return InputError(f"No two images{where} to compare are of one identity; {way}.")


def _counts(results: Mapping[str, Sequence[DrawResult]]) -> list[dict[str, int | float]]:
    """Mean counts of every part; those of searches only where all draws have searches."""
    draws = [draw.counts for found in results.values() for draw in found]
    common = [key for key in draws[0] if all(key in counts for counts in draws)]
    return [mean_counts([{key: draw.counts[key] for key in common} for draw in found]) for found in results.values()]


def _warnings(results: Mapping[str, Sequence[DrawResult]]) -> tuple[str, ...]:
    draws = [draw for found in results.values() for draw in found]
    nameless = sum(draw.nameless for draw in draws)
    found = []
    if nameless:
        found.append(f"{nameless} queries over {len(draws)} draws have no identity; they are in no pair.")
    if count_matched(draw.scores for draw in draws) < 2:
        found.append("All pairs of one identity are of the same one: there is no interval.")
    if any(draw.scores.searches is None for draw in draws) and any(draw.scores.searches for draw in draws):
        found.append("Some draws have no searches without a mate: open-set identification is left out.")
    return tuple(found)


def _too_rare(results: Mapping[str, Sequence[DrawResult]], config: VerificationConfig) -> tuple[str, ...]:
    """Name the rates that are less than one of the couples of people, or of the unmated searches, of a draw."""
    draws = [draw for found in results.values() for draw in found]
    couples = [count_couples(draw.scores.pairs.pairs.impostor) for draw in draws]
    searches = [draw.counts["unmated"] for draw in draws if "unmated" in draw.counts]
    found = []
    for what, counts, rates in (
        ("couples of people", couples, config.fpr),
        ("unmated searches", searches, config.fpir),
    ):
        fewest = min(counts, default=None)
        rare = [f"{rate:g}" for rate in rates if fewest is not None and rate * fewest < 1]
        if rare:
            found.append(
                f"A draw has only {fewest} {what}: at a rate of {' and '.join(rare)} less than one of them may pass, "
                "so these figures hang on a single one, and look better than those of more would."
            )
    return tuple(found)
