"""Verification: are two images of one person? Pairs above a threshold match; and searches of people not enrolled."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval.codes import CameraRule, camera_warnings, is_named, resolve_camera_rule, text_codes, universe_of
from eval.metrics.open_set import alarm_scores, identified_scores
from eval.metrics.pair_bootstrap import FIXED, PairProblem, Pairs
from eval.metrics.pair_summary import DrawScores, Targets, curves_of, summarise_draws
from eval.metrics.slices import slice_names
from eval.metrics.summary import mean_counts
from eval.metrics.verification import error_curve, threshold_at_fmr
from eval.mode import WHOLE_PART, Arrays, Draw, ModeConfig, Names, Needs, split_text
from eval.pair_slices import Resampling, SlicedDraw, slice_figures
from eval.result import Evaluation, Part, Slice
from eval.scorers.pairs import PairScores, best_scores, score_pairs
from eval.scorers.ranked import Side
from eval.scorers.similarity import combine_views, require_unit
from retrieval.errors import InputError, TestDataError
from retrieval.types import Float32, Int64, digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEST_ROLES = ("test", "query", "gallery")
HELD_OUT = ("val", "train")

SHARES = 1000
"""Steps in which an error names the values of ``unknown`` that work."""


def _numbers(value: object) -> object:
    return [value] if isinstance(value, float) else split_text(value)


Fractions: TypeAlias = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_numbers), Field(min_length=1)
]

Identities: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(split_text)]


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
    threshold_from: Names = ("auto",)
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
        if splits not in {("auto",), ("none",)} and not set(splits) <= set(HELD_OUT):
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
        held_out = () if config.threshold_from == ("none",) else HELD_OUT
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
        problem = _Problem(arrays, config, choosing)
        thresholds = problem.thresholds(sampling)
        results = {
            part: [
                problem.score(draw, part, number, thresholds.values.get(part), sampling)
                for number, draw in enumerate(_draws(draws, config))
            ]
            for part, draws in arrays.parts.items()
        }
        if config.unknown:
            problem.require_searches(results)
        targets = Targets(config.fpr, config.fpir)
        scores = {part: [result.scores for result in found] for part, found in results.items()}
        again = Resampling(problem.units, config.bootstrap, copy.deepcopy(bootstrap))
        summaries = summarise_draws(targets, scores, problem.units, config.bootstrap, bootstrap)
        sections = {
            part: Part(metrics=summary.metrics, draws=summary.draws, n=count)
            for (part, summary), count in zip(summaries.parts.items(), _counts(results), strict=True)
        }
        n = {key: sum(section.n[key] for section in sections.values()) for key in next(iter(sections.values())).n}
        names = problem.names()
        slices: dict[str, Slice] | None = None
        notes: tuple[str, ...] = ()
        if config.slice:
            slices, notes = slice_figures(targets, problem.slices(thresholds, slicing), again)
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
                *_warnings(results, problem.units),
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


class Thresholds(NamedTuple):
    """Part -> threshold, the splits they come from, the samples' hash, and what to say about them."""

    values: dict[str, float]
    splits: tuple[str, ...]
    sha256: str | None
    counts: dict[str, int]
    warnings: tuple[str, ...]


class _UnknownBounds(NamedTuple):
    """Identities ``enrolled`` in a gallery; at ``least`` and at ``most`` so many may be taken out of it."""

    enrolled: int
    least: int
    most: int

    def allow(self, share: float) -> bool:
        """Whether mated and unmated searches are left where this share is taken out."""
        return self.least <= round(share * self.enrolled) <= self.most


class _Problem:
    """The arrays of an evaluation, made ready for any draw of them."""

    def __init__(self, arrays: Arrays, config: VerificationConfig, rng: np.random.Generator) -> None:
        self._arrays, self._config = arrays, config
        self._vectors: Float32 = combine_views([arrays.vectors[view] for view in config.views])
        person = arrays.columns["identity"].copy()
        self._junk = is_named(person, config.junk_identities)
        person[self._junk | is_named(person, config.distractor_identities)] = None
        self._person, self._people = text_codes(person)
        agreeing = [arrays.columns[name] for name in config.identity_columns if name != "identity"]
        self._codes, self._texts = text_codes(_joined(person, agreeing))
        self._camera = text_codes(arrays.columns["camera"])[0] if config.camera_rule != "none" else None
        test = [draw[role] for draws in arrays.parts.values() for draw in draws for role in ("query", "gallery")]
        rows = np.unique(np.concatenate(test))
        found = np.unique(self._codes[rows])
        people = np.unique(self._person[rows])
        self._tested, self._tested_people = found[found >= 0], people[people >= 0]
        self._seed = str(rng.integers(2**63))

    @property
    def units(self) -> int:
        """How many identities the test has."""
        return len(self._tested_people)

    def names(self) -> list[str]:
        """Identities of the test."""
        return [self._people[code] for code in self._tested_people]

    def thresholds(self, rng: np.random.Generator) -> Thresholds:
        """Choose a threshold per part on identities that no draw of any part tests."""
        asked = self._config.threshold_from
        if asked == ("none",):
            return Thresholds({}, asked, None, {}, ())
        for splits in [("val",), HELD_OUT] if asked == ("auto",) else [asked]:
            rows = {part: self._held_out(draws[0], splits) for part, draws in self._arrays.parts.items()}
            values = {part: self._threshold(held, rng) for part, held in rows.items()}
            if all(value is not None for value in values.values()):
                return self._settled({part: float(v) for part, v in values.items() if v is not None}, splits, rows)
        missing = (
            f"No threshold can be chosen: identities of split {' and '.join(splits)} that are not tested give no pair "
            "of one identity, or none of two"
        )
        if asked != ("auto",):
            raise InputError(f"{missing}; pass -o threshold_from=auto or none, or index held-out identities as val.")
        return Thresholds({}, ("none",), None, {}, (f"{missing}; index held-out identities as val.",))

    def score(
        self, draw: Draw, part: str, number: int, threshold: float | None, rng: np.random.Generator
    ) -> DrawResult:
        """Score the pairs and the open-set searches of one draw."""
        query, known, gallery = self._samples(draw)
        pairs = self._pairs(known, gallery, rng)
        self._require_pairs(pairs, part, meet=bool(np.isin(self._codes[known], self._codes[gallery]).any()))
        searches = self._open_set(known, gallery, number)
        everyone = self._person[np.concatenate([known, gallery])]
        counts = {
            "query": len(known),
            "gallery": len(gallery),
            "identities": len(np.unique(everyone[everyone >= 0])),
            "genuine": pairs.genuine.total,
            "impostor": pairs.impostor.total,
        }
        if searches is not None:
            counts |= {"mated": len(searches.genuine.scores), "unmated": len(searches.impostor.scores)}
        return DrawResult(DrawScores(pairs, searches, threshold), counts, len(query) - len(known))

    def slices(self, thresholds: Thresholds, rng: np.random.Generator) -> dict[str, dict[str, list[SlicedDraw]]]:
        """Score the queries of every slice alone, against whole galleries: slice -> part -> draws."""
        parts = self._arrays.parts
        called = slice_names(self._arrays.columns[str(self._config.slice)])
        queries = [self._samples(draw)[1] for draws in parts.values() for draw in draws]
        return {
            str(name): {
                part: [
                    self._sliced(draw, called == name, number, thresholds.values.get(part), rng)
                    for number, draw in enumerate(draws)
                ]
                for part, draws in parts.items()
            }
            for name in sorted(set(called[np.concatenate(queries)]))
        }

    def _sliced(
        self, draw: Draw, chosen: NDArray[np.bool_], number: int, threshold: float | None, rng: np.random.Generator
    ) -> SlicedDraw:
        _, known, gallery = self._samples(draw)
        query = known[chosen[known]]
        scores = DrawScores(self._pairs(query, gallery, rng), self._open_set(query, gallery, number), threshold)
        return SlicedDraw(scores, self._units(query))

    def _pairs(self, query: Int64, gallery: Int64, rng: np.random.Generator) -> PairScores:
        if self._config.pairs == "all":
            rows = np.union1d(query, gallery)
            rows = rows[self._codes[rows] >= 0]
            return score_pairs(self._side(rows), None, rng, (self._units(rows), self._units(rows)))
        return score_pairs(self._side(query), self._side(gallery), rng, (self._units(query), self._units(gallery)))

    def require_searches(self, results: Mapping[str, Sequence[DrawResult]]) -> None:
        """Refuse a share of unknown identities that leaves some draw without mated, or without unmated, searches.

        Raises:
            InputError: with the shares that work in every draw.
        """
        bare = [
            (part, n) for part, found in results.items() for n, each in enumerate(found) if not each.scores.searches
        ]
        if not bare:
            return
        (part, number), asked = bare[0], self._config.unknown
        bounds = {
            (name, n): self._unknown_bounds(self._arrays.parts[name][n], n)
            for name, found in results.items()
            for n in range(len(found))
        }
        shares = [at / SHARES for at in range(SHARES) if all(bound.allow(at / SHARES) for bound in bounds.values())]
        first = bounds[part, number]
        taken = round(asked * first.enrolled)
        kind = "unknown" if taken < first.least else "known"
        where = f" of {part}" if part != WHOLE_PART else ""
        way = (
            f"unknown from {shares[0]:g} to {shares[-1]:g} works in every draw"
            if shares
            else "no value works in every draw, so leave the option out"
        )
        raise InputError(
            f"unknown={asked:g} takes {taken} of the {first.enrolled} identities{where} out of a draw's gallery, which "
            f"leaves no query of an identity that is {kind} there; {way}."
        )

    def _samples(self, draw: Draw) -> tuple[Int64, Int64, Int64]:
        """Queries, those of a known identity, and the gallery of a draw; junk left out."""
        query, gallery = (draw[role][~self._junk[draw[role]]] for role in ("query", "gallery"))
        return query, query[self._codes[query] >= 0], gallery

    def _unknown_bounds(self, draw: Draw, number: int) -> _UnknownBounds:
        _, query, gallery = self._samples(draw)
        order = self._by_chance(gallery, number)
        place = {int(code): at for at, code in enumerate(order)}
        mates = best_scores(self._side(query), self._side(gallery)).mate
        mated = [place[int(code)] for code in np.unique(self._codes[query[np.isfinite(mates)]])]
        # A query whose identity is not enrolled at all is unmated before anybody is taken out.
        unmated = [place.get(int(code), -1) + 1 for code in np.unique(self._codes[query])]
        return _UnknownBounds(len(order), min(unmated, default=len(order) + 1), max(mated, default=-1))

    def _by_chance(self, gallery: Int64, number: int) -> Int64:
        """Codes of the identities in a gallery, in the order in which they are taken out of it."""
        enrolled = np.unique(self._codes[gallery])
        enrolled = enrolled[enrolled >= 0]
        found: Int64 = enrolled[np.argsort([digest(self._seed, str(number), self._texts[code]) for code in enrolled])]
        return found

    def _settled(self, values: dict[str, float], splits: tuple[str, ...], rows: Mapping[str, Int64]) -> Thresholds:
        used = np.unique(np.concatenate(list(rows.values())))
        trained = [draw["train"] for draws in self._arrays.parts.values() for draw in draws if "train" in draw]
        identities = np.unique(self._person[used])
        shared = np.isin(identities, self._person[np.concatenate(trained)]) if trained else np.zeros(1, np.bool_)
        warnings: tuple[str, ...] = ()
        if shared.any():
            why = "an encoder trained on them tells them apart too well, and their threshold does not carry over"
            warnings = (
                f"The threshold comes from {len(identities)} identities, {shared.sum()} of split train: {why}.",
            )
        counts = {"threshold_identities": len(identities), "threshold_samples": len(used)}
        return Thresholds(values, splits, digest(*self._arrays.ids[used].tolist(), size=32), counts, warnings)

    def _held_out(self, draw: Draw, splits: Sequence[str]) -> Int64:
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *(draw[s] for s in splits if s in draw)]))
        people = self._person[rows]
        untested: Int64 = rows[(people >= 0) & ~np.isin(people, self._tested_people)]
        return untested

    def _threshold(self, rows: Int64, rng: np.random.Generator) -> float | None:
        if not len(rows):
            return None
        camera = None if self._camera is None else self._camera[rows]
        pairs = score_pairs(Side(self._vectors[rows], self._codes[rows], camera), None, rng)
        if not pairs.genuine.total or not pairs.impostor.total:
            return None
        return threshold_at_fmr(error_curve(pairs.genuine, pairs.impostor), self._config.threshold_fmr)

    def _side(self, rows: Int64) -> Side:
        """Vectors, and which of them show the same."""
        codes = self._codes[rows]
        same = np.where(codes < 0, FIXED, np.searchsorted(self._tested, codes)).astype(np.int64)
        camera = None if self._camera is None else self._camera[rows]
        return Side(self._vectors[rows], same, camera, sample=rows)

    def _units(self, rows: Int64) -> Int64:
        """What the bootstrap resamples: the person, whatever else tells identities apart."""
        people = self._person[rows]
        return np.where(people < 0, FIXED, np.searchsorted(self._tested_people, people)).astype(np.int64)

    def _open_set(self, query: Int64, gallery: Int64, number: int) -> PairProblem | None:
        """Searches with some identities taken out of the gallery; None where all, or none, have a mate left.

        A query all of whose mates are junk is neither mated nor unmated.
        """
        enrolled = self._by_chance(gallery, number)
        unknown = enrolled[: round(self._config.unknown * len(enrolled))]
        left = gallery[~np.isin(self._codes[gallery], unknown)]
        if not len(left):
            return None
        side = self._side(query)
        best = best_scores(side, self._side(left))
        mated = np.isfinite(best.mate)
        unmated = ~np.isin(self._codes[query], self._codes[left])
        if not mated.any() or not unmated.any():
            return None
        return PairProblem(
            _single(identified_scores(best)[mated], self._units(query[mated])),
            _single(alarm_scores(best)[unmated], self._units(query[unmated])),
        )

    def _require_pairs(self, pairs: PairScores, part: str, *, meet: bool) -> None:
        where = f" of {part}" if part != WHOLE_PART else ""
        if not pairs.genuine.total:
            way = (
                "camera_rule=market1501 leaves pairs of one camera out: pass -o camera_rule=none to keep them"
                if self._camera is not None and meet
                else "check how identities are written (leading zeros, prefixes), or pass -o pairs=all"
            )
            raise InputError(f"No two images{where} to compare are of one identity; {way}.")
        if not pairs.impostor.total:
            raise InputError(f"All images{where} are of one identity, so there is no impostor pair; widen --where.")


def _joined(person: NDArray[np.object_], others: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
    """Identities with the values of other columns behind them; None stays None."""
    rows = zip(person, *others, strict=True)
    texts = [None if row[0] is None else " · ".join(map(str, row)) for row in rows]
    return np.array(texts, dtype=np.object_)


def _single(scores: Float32, units: Int64) -> Pairs:
    return Pairs(scores.astype(np.float64), units, np.full(len(units), FIXED), np.ones(len(units)))


def _draws(draws: Sequence[Draw], config: VerificationConfig) -> Sequence[Draw]:
    """The draws; the first alone where all pairs of the same samples would be compared in each."""
    if config.pairs == "query-gallery" or config.unknown:
        return draws
    first = np.union1d(draws[0]["query"], draws[0]["gallery"])
    same = all(np.array_equal(first, np.union1d(draw["query"], draw["gallery"])) for draw in draws)
    return draws[:1] if same else draws


def _counts(results: Mapping[str, Sequence[DrawResult]]) -> list[dict[str, int | float]]:
    """Mean counts of every part; those of searches only where all draws have searches."""
    draws = [draw.counts for found in results.values() for draw in found]
    common = [key for key in draws[0] if all(key in counts for counts in draws)]
    return [mean_counts([{key: draw.counts[key] for key in common} for draw in found]) for found in results.values()]


def _warnings(results: Mapping[str, Sequence[DrawResult]], units: int) -> tuple[str, ...]:
    draws = [draw for found in results.values() for draw in found]
    nameless = sum(draw.nameless for draw in draws)
    found = []
    if nameless:
        found.append(f"{nameless} queries over {len(draws)} draws have no identity; they are in no pair.")
    if units < 2:
        found.append("All images are of one identity: there is no interval.")
    if any(draw.scores.searches is None for draw in draws) and any(draw.scores.searches for draw in draws):
        found.append("Some draws have no searches without a mate: open-set identification is left out.")
    return tuple(found)


def _too_rare(results: Mapping[str, Sequence[DrawResult]], config: VerificationConfig) -> tuple[str, ...]:
    """Name the rates that are less than one of the impostor pairs, or unmated searches, of a draw."""
    counts = [draw.counts for found in results.values() for draw in found]
    found = []
    for kind, what, rates in (("impostor", "impostor pairs", config.fpr), ("unmated", "unmated searches", config.fpir)):
        fewest = min((count[kind] for count in counts if kind in count), default=None)
        rare = [f"{rate:g}" for rate in rates if fewest is not None and rate * fewest < 1]
        if rare:
            found.append(
                f"A draw has only {fewest} {what}: at a rate of {' and '.join(rare)} none of them may pass, so these "
                "figures hang on a single one."
            )
    return tuple(found)
