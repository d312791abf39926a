"""Compares two rankings over the same draws, query by query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from eval.ranking.rescoring import ScoringOptions
from eval.results.comparable import parts_difference
from eval.statistics.exchange_test import missing_intervals
from eval.statistics.paired_comparison import Comparison
from eval.statistics.paired_tests import mcnemar, paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, TaskName
    from eval.runs.prepare_ranking import PreparedRanking

SCORING = ("views", *ScoringOptions.model_fields, "lambda", "transductive")
"""Options that change vectors or scores; comparisons are between values of these."""

MAY_DIFFER = frozenset({*SCORING, "slice", "all_definitions", "cmc_length", "bootstrap"})
"""Options in which two evaluations may differ: :data:`SCORING`, and options that do not change the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RankingComparison(Comparison):
    """B against A, query by query. ``a`` and ``b`` name the spaces, and the options in which they differ.

    ``parts`` are the names of the parts (aspects) whose mean a metric is; empty for an undivided evaluation.
    """

    task: ClassVar[TaskName] = "ranking"
    head: ClassVar[tuple[str, ...]] = (
        "mode", "protocol", "departs_from", "a", "b", "store_version", "parts", "split_set", "split_sha256", "seed",
        "resamples",
    )  # fmt: skip

    mode: str
    protocol: str
    departs_from: str | None
    parts: tuple[str, ...]


def check_rankings(first: EvalResult, second: EvalResult) -> None:
    """Check that two results have the same mode, split sets, label universe and parts.

    Raises:
        InputError: they differ; the message says in what.
    """
    for what, one, other in (
        ("modes", first.mode, second.mode),
        ("split sets", _split(first), _split(second)),
        ("label universes", _universe(first), _universe(second)),
    ):
        if one != other:
            raise InputError(
                f"The results are over different {what} ({one} and {other}), so they cannot be paired; evaluate both "
                "with the same `split_set`, `where` and `seed`."
            )
    apart = parts_difference(first, second)
    if apart is not None:
        raise InputError(
            f"The results, of protocols {first.protocol} and {second.protocol}, differ in their parts ({apart}), so "
            "they cannot be paired; evaluate both with the same `protocol` and `aspect`."
        )


def _split(result: EvalResult) -> str:
    return result.provenance.split_sha256[:12]


def _universe(result: EvalResult) -> str:
    return f"{result.label_universe.n} names, {result.label_universe.sha256[:12]}"


def compare_rankings(first: PreparedRanking, second: PreparedRanking) -> RankingComparison:
    """Compare two rankings.

    Intervals and p-values are of a test that exchanges identities (:mod:`eval.statistics.paired_tests`).

    Args:
        first: evaluation A; its seed is that of the resamples.
        second: evaluation B.

    Raises:
        InputError: the draws or the definitions of metrics differ, or the mode has no values per query.
    """
    _require_comparable(first, second)
    (names, ours), (_, theirs) = _tables(first), _tables(second)
    values = {name: (_mean(ours, column), _mean(theirs, column)) for column, name in enumerate(names)}
    resamples = max(first.config.bootstrap, second.config.bootstrap)
    if resamples == 0:
        raise InputError("Without resamples nothing says how sure a difference is; evaluate with `bootstrap=1000`.")
    splits = first.splits
    identities = len(np.unique(np.concatenate([table.units for part in ours for table in part])))
    return RankingComparison(
        mode=first.request.mode,
        protocol=first.protocol,
        departs_from=first.departs_from,
        a=_description(first, second),
        b=_description(second, first),
        store_version=first.store_version,
        parts=tuple(filter(None, first.parts)),
        split_set=splits.name,
        split_sha256=splits.sha256,
        seed=first.request.seed,
        resamples=resamples,
        n={
            "query": float(np.mean([sum(len(part[draw].units) for part in ours) for draw in range(len(ours[0]))])),
            "identities": identities,
        },
        values=values,
        differences=paired_differences(names, ours, theirs, resamples, first.rng()),
        mcnemar=mcnemar(ours, theirs, names.index("rank_1")) if "rank_1" in names else None,
        warnings=tuple(
            dict.fromkeys([*first.leaks, *second.leaks, *missing_intervals(identities, "identities of queries")])
        ),
    )


def _require_comparable(first: PreparedRanking, second: PreparedRanking) -> None:
    if first.splits.sha256 != second.splits.sha256:
        raise InputError(
            f"Spaces {first.space.name} and {second.space.name} get different draws (split sets {first.splits.name} "
            f"and {second.splits.name}), so they cannot be paired; index both alike, or pass `split_set`."
        )
    if list(first.parts) != list(second.parts):
        raise InputError("The two evaluations have different parts (aspects), so they cannot be paired.")
    for part, splits in first.parts.items():
        if splits.sha256 != second.parts[part].sha256:
            raise InputError(
                f"The two evaluations have different draws in part {part}, so they cannot be paired; evaluate both "
                "with the same `protocol`."
            )
    one, other = (ready.config.model_dump() for ready in (first, second))
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key) and key not in MAY_DIFFER:
            raise InputError(
                f"The two evaluations measure differently ({key}={one.get(key)} and {other.get(key)}), so their "
                "difference would mean nothing; evaluate both with the same option."
            )


def _tables(ready: PreparedRanking) -> tuple[list[str], list[list[DrawTable]]]:
    """Names of the metrics, and the values per query of every draw of every part."""
    tables = getattr(ready.mode, "tables", None)
    if tables is None:
        raise InputError(
            f"Mode {ready.request.mode} has no values per query, so it cannot be compared; use `mode=reid`."
        )
    names, tables_of_parts = tables(ready.arrays, ready.config)
    parts = [tables_of_parts[name] for name in ready.parts]
    # Codes of units depend on all samples that were read, with score_norm also the cohort: make them consecutive.
    units = np.unique(np.concatenate([table.units for draws in parts for table in draws]))
    return names, [[DrawTable(table.values, np.searchsorted(units, table.units)) for table in draws] for draws in parts]


def _mean(parts: list[list[DrawTable]], column: int) -> float:
    return float(np.mean([np.mean([table.values[:, column].mean() for table in draws]) for draws in parts]))


def _description(ready: PreparedRanking, other: PreparedRanking) -> str:
    """Describe an evaluation by its space and the options in which it differs from the other evaluation."""
    mine, theirs = ready.config.model_dump(), other.config.model_dump()
    keys = [key for key in SCORING if key in mine and mine[key] != theirs.get(key) and key != "transductive"]
    scoring = {key: ",".join(mine[key]) if isinstance(mine[key], tuple) else mine[key] for key in keys}
    ours, others = ready.protocol_options.model_dump(), other.protocol_options.model_dump()
    of_protocol = {key: str(value).lower() for key, value in ours.items() if value != others.get(key)}
    return " ".join([ready.space.name, *(f"{key}={value}" for key, value in {**scoring, **of_protocol}.items())])
