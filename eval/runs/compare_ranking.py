"""Compare two rankings over the same draws, query by query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from eval.ranking.rescoring import ScoringOptions
from eval.results.comparable import parts_difference
from eval.statistics.paired_comparison import Comparison
from eval.statistics.paired_tests import mcnemar, paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, TaskName
    from eval.runs.prepare_ranking import PreparedRanking

SCORING = ("views", *ScoringOptions.model_fields, "lambda", "transductive")
"""Options that change vectors or scores: they are what may be compared."""

MAY_DIFFER = frozenset({*SCORING, "slice", "all_definitions", "cmc_length", "bootstrap"})
"""Options in which two evaluations may differ: those, and what only changes what else is reported."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RankingComparison(Comparison):
    """B against A, query by query: ``a`` and ``b`` name the spaces, and the views and scoring in which they differ.

    ``parts`` are the names of the parts (aspects) that values are means over, or none for an undivided evaluation.
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
    """Refuse result files that are not of the same mode, split sets and names.

    Raises:
        InputError: saying what differs.
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
    """Compare two evaluations of the same draws.

    The interval and the p-value are over identities (:mod:`eval.statistics.paired_tests`), seeded by the first
    request's seed.

    Raises:
        InputError: the draws are not the same, a metric is defined differently, or the mode has no values per query.
    """
    _require_comparable(first, second)
    (names, ours), (_, theirs) = _tables(first), _tables(second)
    values = {name: (_mean(ours, at), _mean(theirs, at)) for at, name in enumerate(names)}
    resamples = max(first.config.bootstrap, second.config.bootstrap)
    if resamples == 0:
        raise InputError("Without resamples nothing says how sure a difference is; evaluate with `bootstrap=1000`.")
    splits = first.splits
    return RankingComparison(
        mode=first.request.mode,
        protocol=first.protocol,
        departs_from=first.departs_from,
        a=_called(first, second),
        b=_called(second, first),
        store_version=first.store_version,
        parts=tuple(filter(None, first.parts)),
        split_set=splits.name,
        split_sha256=splits.sha256,
        seed=first.request.seed,
        resamples=resamples,
        n={
            "query": float(np.mean([sum(len(part[at].units) for part in ours) for at in range(len(ours[0]))])),
            "identities": len(np.unique(np.concatenate([table.units for part in ours for table in part]))),
        },
        values=values,
        differences=paired_differences(names, ours, theirs, resamples, first.rng()),
        mcnemar=mcnemar(ours, theirs, names.index("rank_1")) if "rank_1" in names else None,
        warnings=tuple(dict.fromkeys([*first.leaks, *second.leaks])),
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
    tables = getattr(ready.mode, "tables", None)
    if tables is None:
        raise InputError(
            f"Mode {ready.request.mode} has no values per query, so it cannot be compared; use `mode=reid`."
        )
    names, found = tables(ready.arrays, ready.config)
    parts = [found[name] for name in ready.parts]
    # Units are numbered among all samples that were read, with score_norm also the cohort: number them by themselves.
    every = np.unique(np.concatenate([table.units for draws in parts for table in draws]))
    return names, [[DrawTable(each.values, np.searchsorted(every, each.units)) for each in draws] for draws in parts]


def _mean(parts: list[list[DrawTable]], column: int) -> float:
    return float(np.mean([np.mean([table.values[:, column].mean() for table in draws]) for draws in parts]))


def _called(ready: PreparedRanking, other: PreparedRanking) -> str:
    """The space, and the options in which it differs from the other evaluation."""
    mine, theirs = ready.config.model_dump(), other.config.model_dump()
    own = [key for key in SCORING if key in mine and mine[key] != theirs.get(key) and key != "transductive"]
    ours, others = ready.own.model_dump(), other.own.model_dump()
    asked = {key: str(value).lower() for key, value in ours.items() if value != others.get(key)}
    shown = {key: ",".join(mine[key]) if isinstance(mine[key], tuple) else mine[key] for key in own}
    return " ".join([ready.space.name, *(f"{key}={value}" for key, value in {**shown, **asked}.items())])
