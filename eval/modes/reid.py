"""Mode ``reid``: every query ranks the gallery; its positives are the gallery samples of the same identity."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from eval.metrics.per_query import mean_definitions
from eval.ranking.diagnosis import without_positive
from eval.ranking.identities import universe_of
from eval.ranking.problem import RankingDraw, RankingProblem, ReidConfig, metric_names
from eval.results.schema import Evaluation, Part, Slice, TaskName
from eval.scorers.similarity import require_unit
from eval.seams.mode import WHOLE_PART, Needs, RelatedArrays
from eval.statistics.query_summary import DrawTable, mean_counts, summarise
from eval.statistics.slices import FEW_IDENTITIES, is_small, slice_draws

Results: TypeAlias = dict[str, list[RankingDraw]]


class Reid:
    """The mode ``reid``."""

    name = "reid"
    task: TaskName = "ranking"
    config_type = ReidConfig

    def needs(self, config: ReidConfig) -> Needs:
        """Return what to read: queries and gallery with identity, camera and the columns that options name."""
        group = ["group"] if config.group_rule == "exclude" else []
        sliced = [config.slice] if config.slice else []
        columns = tuple(dict.fromkeys(["identity", "camera", *config.identity_columns, *group, *sliced]))
        held_out = () if config.score_norm == "none" else ("train",)
        return Needs(("query", "gallery"), config.views, columns, held_out)

    def evaluate(self, arrays: RelatedArrays, config: ReidConfig, rng: np.random.Generator) -> Evaluation:
        """Compute rank-k, CMC, mAP and mINP over all draws and parts, with intervals that resample identities.

        Raises:
            InputError: a vector is not of unit length, cameras are needed and missing, or a draw has no query with a
                valid positive.
        """
        problem, results = self._rank(arrays, config)
        names = metric_names(config)
        whole = _section(names, results, config, rng)
        sections = None
        if WHOLE_PART not in results:
            sections = {part: _section(names, {part: draws}, config, rng) for part, draws in results.items()}
        identities = problem.identities(draw for draws in arrays.parts.values() for draw in draws)
        all_draws = [draw for draws in results.values() for draw in draws]
        return Evaluation(
            metrics=whole.metrics,
            draws=whole.draws,
            n={**whole.n, "identities": len(identities), "query_identities": _query_identities(results)},
            label_universe=universe_of(identities),
            cmc=whole.cmc,
            parts=sections,
            slices=_slices(names, results, config, rng) if config.slice else None,
            definitions=mean_definitions([draw.definitions for draw in all_draws]) if config.all_definitions else None,
            config=config.model_dump(mode="json") | {"draws": len(whole.draws)},
            warnings=(*arrays.relations.warnings, *_warnings(results, len(whole.draws), config)),
        )

    def tables(self, arrays: RelatedArrays, config: ReidConfig) -> tuple[list[str], dict[str, list[DrawTable]]]:
        """Return the names of the metrics and, per part, the table of every draw, for a paired comparison.

        Queries are in the order of the data. Raises what :meth:`evaluate` raises.
        """
        _, results = self._rank(arrays, config)
        return metric_names(config), {part: [draw.table for draw in draws] for part, draws in results.items()}

    def _rank(self, arrays: RelatedArrays, config: ReidConfig) -> tuple[RankingProblem, Results]:
        """Rank every draw of every part."""
        for view in config.views:
            require_unit(arrays.vectors[view], arrays.ids, view)
        problem = RankingProblem(arrays, config)
        results = {part: [problem.rank(draw, part) for draw in draws] for part, draws in arrays.parts.items()}
        return problem, results


MODE = Reid()


def _section(names: list[str], results: Results, config: ReidConfig, rng: np.random.Generator) -> Part:
    """Summarise one part, or the mean over several."""
    tables = [[draw.table for draw in draws] for draws in results.values()]
    summary = summarise(names, tables, config.bootstrap, rng)
    counts = [mean_counts([draw.counts for draw in draws]) for draws in results.values()]
    length = min(config.cmc_length, max(draw.counts["gallery"] for draws in results.values() for draw in draws))
    curves = [[draw.cmc[:length] for draw in draws] for draws in results.values()]
    return Part(
        metrics=summary.metrics,
        draws=summary.draws,
        n={key: sum(count[key] for count in counts) for key in counts[0]},
        cmc=tuple(map(float, np.mean(curves, axis=(0, 1)))),
    )


def _slices(names: list[str], results: Results, config: ReidConfig, rng: np.random.Generator) -> dict[str, Slice]:
    """Compute the metrics of every value of the slicing column: mean over a draw's queries, then over draws."""
    tables = [[draw.table for draw in draws] for draws in results.values()]
    slice_names = [[draw.slices for draw in draws if draw.slices is not None] for draws in results.values()]
    slices = {}
    for name in sorted({value for part in slice_names for values in part for value in values}):
        draws = slice_draws(tables, slice_names, name)
        metrics = summarise(names, [draws], config.bootstrap, rng).metrics
        queries = mean_counts([{"query": len(table.units)} for table in draws])["query"]
        identities = len(np.unique(np.concatenate([table.units for table in draws])))
        n = {"query": queries, "identities": identities}
        slices[str(name)] = Slice(metrics=metrics, n=n, small=is_small(queries, identities))
    return slices


def _query_identities(results: Results) -> int:
    """Count the identities that queries have."""
    units = np.unique(np.concatenate([draw.table.units for draws in results.values() for draw in draws]))
    return int((units >= 0).sum())


def _warnings(results: Results, n_draws: int, config: ReidConfig) -> tuple[str, ...]:
    """Warn of queries without a positive, ranks beyond the gallery, few identities, and missing intervals."""
    draws = [draw for part in results.values() for draw in part]
    without = sum(draw.counts["query_without_positive"] for draw in draws)
    warnings = []
    if without:
        counted = config.denominator == "all"
        total = sum(draw.counts["query"] for draw in draws) + (0 if counted else without)
        absent = frozenset[str]().union(*(draw.absent for draw in draws))
        counts = (without, sum(draw.excluded for draw in draws), total)
        warnings.append(without_positive(counts, n_draws, absent, counted=counted))
    smallest = min(draw.counts["gallery"] for draw in draws)
    certain = [f"Rank-{k}" for k in sorted(set(config.ranks)) if k >= smallest]
    if certain:
        warnings.append(
            f"A draw's gallery has only {smallest} samples, so {' and '.join(certain)} of queries with a positive is "
            "100 % by construction."
        )
    identities = _query_identities(results)
    if identities < 2:
        warnings.append("All queries are of one identity: there is no interval.")
    elif identities < FEW_IDENTITIES:
        warnings.append(
            f"All queries are of {identities} identities: with others the numbers may be quite different, and the "
            "intervals are rough."
        )
    return tuple(warnings)
