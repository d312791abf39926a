"""Mode ``verification``: pairs of samples match above a threshold; open-set searches for identities not enrolled."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eval.ranking.identities import universe_of
from eval.results.schema import Evaluation, Part, Slice, TaskName
from eval.scorers.similarity import require_unit
from eval.seams.mode import WHOLE_PART, Needs, RelatedArrays
from eval.statistics.pair_bootstrap import count_couples
from eval.statistics.pair_summary import TargetRates, count_matched, curves_of, summarise_draws
from eval.statistics.query_summary import mean_counts
from eval.verification.samples import PairSamples
from eval.verification.scoring import DrawResult, Scoring, VerificationConfig
from eval.verification.slices import Resampling, slice_metrics
from eval.verification.thresholds import HELD_OUT, NONE, choose_thresholds

if TYPE_CHECKING:
    import numpy as np


class Verification:
    """The mode ``verification``."""

    name = "verification"
    task: TaskName = "verification"
    config_type = VerificationConfig

    def needs(self, config: VerificationConfig) -> Needs:
        """Return what to read: queries and gallery with identity and camera; val and train for the threshold."""
        held_out = () if config.threshold_from == NONE else HELD_OUT
        columns = tuple(
            dict.fromkeys(["identity", "camera", *config.identity_columns, *([config.slice] if config.slice else [])])
        )
        return Needs(("query", "gallery"), config.views, columns, held_out)

    def evaluate(self, arrays: RelatedArrays, config: VerificationConfig, rng: np.random.Generator) -> Evaluation:
        """Compute AUC, EER, TPR@FPR, FNMR@FMR, error rates at the threshold and open-set FNIR@FPIR.

        Intervals resample identities.

        Raises:
            InputError: a vector is not of unit length, cameras or held-out identities are needed and missing, a draw
                has no genuine or no impostor pair, or ``unknown`` leaves one without mated or unmated searches.
        """
        for view in config.views:
            require_unit(arrays.vectors[view], arrays.ids, view)
        bootstrap, sampling, choosing, slicing = rng.spawn(4)
        samples = PairSamples(arrays, config.views)
        thresholds = choose_thresholds(samples, arrays.parts, config.threshold_from, config.threshold_fmr, sampling)
        scoring = Scoring(samples, config, thresholds.values, choosing, sampling)
        results = scoring.results()
        targets = TargetRates(config.fpr, config.fpir)
        scores = {part: [draw.scores for draw in draws] for part, draws in results.items()}
        resampling = Resampling(samples.n_units, config.bootstrap, copy.deepcopy(bootstrap))
        summaries = summarise_draws(targets, scores, samples.n_units, config.bootstrap, bootstrap)
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
            slices, notes = slice_metrics(targets, by_query, resampling)
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
                *arrays.relations.warnings,
                *thresholds.warnings,
                *_warnings(results),
                *_too_rare(results, config),
                *notes,
            ),
            curves=curves_of(scores),
            thresholds={part or "whole": value for part, value in thresholds.values.items()} or None,
        )


MODE = Verification()


def _counts(results: Mapping[str, Sequence[DrawResult]]) -> list[dict[str, int | float]]:
    """Average the counts of every part over draws; those of searches only if all draws have searches."""
    draws = [draw.counts for part in results.values() for draw in part]
    common = [key for key in draws[0] if all(key in counts for counts in draws)]
    return [mean_counts([{key: draw.counts[key] for key in common} for draw in part]) for part in results.values()]


def _warnings(results: Mapping[str, Sequence[DrawResult]]) -> tuple[str, ...]:
    """Warn of queries without an identity, missing intervals and left-out searches."""
    draws = [draw for part in results.values() for draw in part]
    without_identity = sum(draw.without_identity for draw in draws)
    warnings = []
    if without_identity:
        warnings.append(f"{without_identity} queries over {len(draws)} draws have no identity; they are in no pair.")
    if count_matched(draw.scores for draw in draws) < 2:
        warnings.append("All pairs of one identity are of the same one: there is no interval.")
    if any(draw.scores.searches is None for draw in draws) and any(draw.scores.searches for draw in draws):
        warnings.append("Some draws have no searches without a mate: open-set identification is left out.")
    return tuple(warnings)


def _too_rare(results: Mapping[str, Sequence[DrawResult]], config: VerificationConfig) -> tuple[str, ...]:
    """Warn of rates below one couple of identities, or below one unmated search, of a draw."""
    draws = [draw for part in results.values() for draw in part]
    couples = [count_couples(draw.scores.pairs.pairs.impostor) for draw in draws]
    searches = [draw.counts["unmated"] for draw in draws if "unmated" in draw.counts]
    warnings = []
    for what, counts, rates in (
        ("couples of people", couples, config.fpr),
        ("unmated searches", searches, config.fpir),
    ):
        fewest = min(counts, default=None)
        rare = [f"{rate:g}" for rate in rates if fewest is not None and rate * fewest < 1]
        if rare:
            warnings.append(
                f"A draw has only {fewest} {what}: at a rate of {' and '.join(rare)} less than one of them may pass, "
                "so these metrics depend on a single one and look better than they would with more."
            )
    return tuple(warnings)
