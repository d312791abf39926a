"""Mode ``verification``: do two samples show the same identity?

Every query is compared with every gallery sample; a pair whose similarity is above a threshold matches. A pair is
genuine if it is of one identity, else an impostor pair. The mode also evaluates open-set identification: each query
searches the gallery, and its search is mated if its identity is in the gallery, else unmated. ``eval/runs`` calls
:data:`MODE`, which ``eval/registry.py`` lists. Arrays, roles and draws are explained in ``eval/seams/mode.py``.
"""

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
from eval.statistics.slices import FEW_IDENTITIES
from eval.verification.samples import PairSamples
from eval.verification.scoring import DrawResult, Scoring, VerificationConfig
from eval.verification.slices import Resampling, slice_metrics
from eval.verification.thresholds import HELD_OUT, NO_SPLITS, choose_thresholds

if TYPE_CHECKING:
    import numpy as np


class Verification:
    """The mode ``verification``."""

    name = "verification"
    task: TaskName = "verification"
    config_type = VerificationConfig

    def needs(self, config: VerificationConfig) -> Needs:
        """Ask for queries and gallery with identity and camera, and for val and train if a threshold is chosen."""
        held_out = () if config.threshold_from == NO_SPLITS else HELD_OUT
        columns = tuple(
            dict.fromkeys(["identity", "camera", *config.identity_columns, *([config.slice] if config.slice else [])])
        )
        return Needs(roles=("query", "gallery"), views=config.views, columns=columns, held_out=held_out)

    def evaluate(self, arrays: RelatedArrays, config: VerificationConfig, rng: np.random.Generator) -> Evaluation:
        """Compute the metrics, with bootstrap intervals over identities.

        Of pairs: AUC, equal error rate (EER), true positive rate at false positive rates (TPR@FPR), false non-match
        rate at the same false match rates (FNMR@FMR), and the error rates at the chosen threshold. Of searches: false
        negative at false positive identification rates (FNIR@FPIR).

        Raises:
            InputError: a vector is not of unit length, cameras or held-out identities are needed and missing, a draw
                has no genuine or no impostor pair, or the option ``unknown`` leaves a draw without mated or without
                unmated searches.
        """
        for view in config.views:
            require_unit(arrays.vectors[view], arrays.ids, view)
        bootstrap_rng, pairs_rng, unknown_rng, slices_rng = rng.spawn(4)
        samples = PairSamples(arrays, config.views)
        thresholds = choose_thresholds(samples, arrays.parts, config.threshold_from, config.threshold_fmr, pairs_rng)
        scoring = Scoring(samples, config, thresholds.values, unknown_rng, pairs_rng)
        results = scoring.results()
        targets = TargetRates(config.fpr, config.fpir)
        scores = {part: [draw.scores for draw in draws] for part, draws in results.items()}
        # a copy of the generator, so that slices get the same resamples as the whole
        resampling = Resampling(samples.n_units, config.bootstrap, copy.deepcopy(bootstrap_rng))
        summaries = summarise_draws(targets, scores, samples.n_units, config.bootstrap, bootstrap_rng)
        parts = {
            part: Part(metrics=summary.metrics, draws=summary.draws, n=count)
            for (part, summary), count in zip(summaries.parts.items(), _counts(results), strict=True)
        }
        n = {key: sum(part.n[key] for part in parts.values()) for key in next(iter(parts.values())).n}
        names = samples.names()
        slices: dict[str, Slice] = {}
        notes: tuple[str, ...] = ()
        if config.slice:
            by_query = scoring.slices(arrays.columns[config.slice], slices_rng)
            slices, notes = slice_metrics(targets, by_query, resampling)
        return Evaluation(
            metrics=summaries.whole.metrics,
            draws=summaries.whole.draws,
            n={**n, "identities": len(names), **thresholds.counts},
            label_universe=universe_of(names),
            parts=None if WHOLE_PART in parts else parts,
            slices=slices or None,
            config={
                **config.model_dump(mode="json", exclude=None if config.slice else {"slice"}),
                "draws": len(summaries.whole.draws),
                "threshold_from": list(thresholds.splits),
                "threshold_samples": thresholds.sha256,  # their number has the same key in n
            },
            warnings=(
                *arrays.relations.warnings,
                *thresholds.warnings,
                *_warnings(results),
                *_few_unknown(samples, config.unknown),
                *_too_rare(results, config),
                *notes,
            ),
            curves=curves_of(scores),
            thresholds={part or "whole": value for part, value in thresholds.values.items()} or None,
        )


MODE = Verification()


def _counts(results: Mapping[str, Sequence[DrawResult]]) -> list[dict[str, int | float]]:
    """Return the counts of each part, averaged over draws; counts of searches only if all draws have searches."""
    counts_of_draws = [draw.counts for draws in results.values() for draw in draws]
    common = [key for key in counts_of_draws[0] if all(key in counts for counts in counts_of_draws)]
    return [mean_counts([{key: draw.counts[key] for key in common} for draw in draws]) for draws in results.values()]


def _warnings(results: Mapping[str, Sequence[DrawResult]]) -> tuple[str, ...]:
    """Warn of queries without an identity, missing intervals and left-out searches."""
    draws = [draw for draws_of_part in results.values() for draw in draws_of_part]
    without_identity = sum(draw.without_identity for draw in draws)
    warnings = []
    if without_identity:
        warnings.append(f"{without_identity} queries over {len(draws)} draws have no identity; they are in no pair.")
    matched = count_matched(draw.scores for draw in draws)
    if matched < 2:
        warnings.append("Only one identity has genuine pairs (of the same identity): there are no intervals.")
    elif matched < FEW_IDENTITIES:
        warnings.append(
            f"Only {matched} identities have genuine pairs (of the same identity): with others the numbers may be "
            "quite different, and the intervals are rough."
        )
    with_searches = [draw.scores.searches is not None for draw in draws]
    if any(with_searches) and not all(with_searches):
        warnings.append(
            "Some draws have no unmated searches (of identities that are not in the gallery): "
            "open-set identification is left out."
        )
    return tuple(warnings)


def _few_unknown(samples: PairSamples, share: float) -> tuple[str, ...]:
    """Warn if the option ``unknown`` takes none or few identities out of a draw's gallery."""
    if not share:
        return ()
    draws = [draw for draws_of_part in samples.parts.values() for draw in draws_of_part]
    enrolled = min(len(set(samples.identity[samples.with_identity(draw.gallery)].tolist())) for draw in draws)
    taken = round(share * enrolled)
    if taken >= FEW_IDENTITIES:
        return ()
    warning = (
        f"`unknown={share:g}` takes {taken or 'none'} of the {enrolled} identities out of a draw's gallery: open-set "
        "metrics depend on very few unknown ones."
    )
    return (warning,)


def _too_rare(results: Mapping[str, Sequence[DrawResult]], config: VerificationConfig) -> tuple[str, ...]:
    """Warn of rates too low for the data: those that allow less than one false match, or false identification.

    Impostor pairs of the same two identities are not independent, so that the couples of identities are counted.
    """
    draws = [draw for draws_of_part in results.values() for draw in draws_of_part]
    couples = [count_couples(draw.scores.pairs.pairs.impostor) for draw in draws]
    searches = [draw.counts["unmated"] for draw in draws if "unmated" in draw.counts]
    warnings = []
    for noun, counts, rates in (
        ("couples of two identities", couples, config.fpr),
        ("unmated searches", searches, config.fpir),
    ):
        fewest = min(counts, default=None)
        rare = [f"{rate:g}" for rate in rates if fewest is not None and rate * fewest < 1]
        if rare:
            warnings.append(
                f"A draw has only {fewest} {noun}: a rate of {' or '.join(rare)} is less than one of them, so metrics "
                "at this rate depend on a single one, and look better than they would with more."
            )
    return tuple(warnings)
