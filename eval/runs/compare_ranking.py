"""Compare two evaluations over the same draws, query by query, from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.ranking.rescoring import ScoringOptions
from eval.results.comparable import parts_apart
from eval.runs.request import Asked
from eval.runs.rerun import asked_again, require_values
from eval.runs.run import Prepared, prepare
from eval.statistics.paired_tests import Difference, McNemar, mcnemar, paired_differences, to_dict
from eval.statistics.query_figures import DrawTable
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import EvalResult
    from retrieval.types.store import EmbeddingStore

SCORING = ("views", *ScoringOptions.model_fields, "lambda", "transductive")
"""Options that change vectors or scores: they are what may be compared."""

MAY_DIFFER = frozenset({*SCORING, "slice", "all_definitions", "cmc_length", "bootstrap"})
"""Options in which two evaluations may differ: those, and what only changes what else is reported."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A: ``a`` and ``b`` name the spaces, and the views and scoring in which they differ.

    ``parts`` are the names of the parts (aspects) that values are means over, or none for an undivided evaluation.
    ``values`` are the metrics of A and of B; ``differences`` are B minus A; ``mcnemar`` is on Rank-1, None where the
    mode has none. ``warnings`` say what is not clean about the draws.
    """

    mode: str
    protocol: str
    a: str
    b: str
    store_version: int
    parts: tuple[str, ...]
    split_set: str
    split_sha256: str
    seed: int
    resamples: int
    queries: float
    identities: int
    values: Mapping[str, tuple[float, float]]
    differences: Mapping[str, Difference]
    mcnemar: McNemar | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; metrics are fractions."""
        head = (
            "mode",
            "protocol",
            "a",
            "b",
            "store_version",
            "parts",
            "split_set",
            "split_sha256",
            "seed",
            "resamples",
        )
        apart = to_dict(self.differences)
        metrics = {name: {"a": a, "b": b, **apart[name]} for name, (a, b) in self.values.items()}
        return {
            **{name: getattr(self, name) for name in head},
            "n": {"query": self.queries, "identities": self.identities},
            "metrics": metrics,
            "mcnemar": None if self.mcnemar is None else self.mcnemar._asdict(),
            "warnings": list(self.warnings),
        }


def compare(store: EmbeddingStore, first: Asked, second: Asked) -> Comparison:
    """Evaluate two requests on the same draws and compare them.

    The interval and the p-value are over identities (:mod:`eval.statistics.paired_tests`), seeded by the first
    request's seed.

    Args:
        store: where the vectors are.
        first: evaluation A.
        second: evaluation B.

    Raises:
        InputError: the draws are not the same, a measure is defined differently, or the mode has no query values.
    """
    return _compare(prepare(store, first), prepare(store, second))


def compare_results(store: EmbeddingStore, first: EvalResult, second: EvalResult) -> Comparison:
    """Compare two result files. They hold no query values, so both are computed again from the store.

    Raises:
        InputError: they are not of the same mode, split set and label universe, or the store no longer gives what
            a file says.
        UnknownNameError: the store has no such space.
    """
    for what, one, other in (
        ("modes", first.mode, second.mode),
        ("split sets", _split(first), _split(second)),
        ("label universes", _universe(first), _universe(second)),
    ):
        if one != other:
            raise InputError(
                f"The results are over different {what} ({one} and {other}), so they cannot be paired; evaluate both "
                "with the same --split-set, --where and --seed."
            )
    apart = parts_apart(first, second)
    if apart is not None:
        raise InputError(
            f"The results, of protocols {first.protocol} and {second.protocol}, differ in their parts ({apart}), so "
            "they cannot be paired; evaluate both with the same --protocol and --aspect."
        )
    ready = [_again(store, result, name) for name, result in (("A", first), ("B", second))]
    comparison = _compare(*ready)
    for at, (result, name) in enumerate(((first, "A"), (second, "B"))):
        require_values(result, {metric: values[at] for metric, values in comparison.values.items()}, name)
    return comparison


def _split(result: EvalResult) -> str:
    return result.provenance.split_sha256[:12]


def _universe(result: EvalResult) -> str:
    return f"{result.label_universe.n} names, {result.label_universe.sha256[:12]}"


def _again(store: EmbeddingStore, result: EvalResult, name: str) -> Prepared:
    """Prepare the evaluation that a result file tells of, on its own draws."""
    ready = prepare(store, asked_again(store, result, name))
    source = result.provenance
    if ready.splits.sha256 != source.split_sha256:
        raise InputError(
            f"The store no longer gives the draws of result {name} (split set {source.split_set}): its samples have "
            "changed since; evaluate both again."
        )
    return ready


def _compare(first: Prepared, second: Prepared) -> Comparison:
    _require_comparable(first, second)
    (names, ours), (_, theirs) = _tables(first), _tables(second)
    values = {name: (_mean(ours, at), _mean(theirs, at)) for at, name in enumerate(names)}
    resamples = max(first.config.bootstrap, second.config.bootstrap)
    if resamples == 0:
        raise InputError("Without resamples nothing says how sure a difference is; evaluate with -o bootstrap=1000.")
    splits = first.splits
    return Comparison(
        mode=first.asked.mode,
        protocol=first.protocol,
        a=_called(first, second),
        b=_called(second, first),
        store_version=first.store_version,
        parts=tuple(filter(None, first.parts)),
        split_set=splits.name,
        split_sha256=splits.sha256,
        seed=first.asked.seed,
        resamples=resamples,
        queries=float(np.mean([sum(len(part[at].units) for part in ours) for at in range(len(ours[0]))])),
        identities=len(np.unique(np.concatenate([table.units for part in ours for table in part]))),
        values=values,
        differences=paired_differences(names, ours, theirs, resamples, first.rng()),
        mcnemar=mcnemar(ours, theirs, names.index("rank_1")) if "rank_1" in names else None,
        warnings=tuple(dict.fromkeys([*first.leaks, *second.leaks])),
    )


def _require_comparable(first: Prepared, second: Prepared) -> None:
    if first.splits.sha256 != second.splits.sha256:
        raise InputError(
            f"Spaces {first.space.name} and {second.space.name} get different draws (split sets {first.splits.name} "
            f"and {second.splits.name}), so they cannot be paired; index both alike, or pass --split-set."
        )
    if list(first.parts) != list(second.parts):
        raise InputError("The two evaluations have different parts (aspects), so they cannot be paired.")
    for part, splits in first.parts.items():
        if splits.sha256 != second.parts[part].sha256:
            raise InputError(
                f"The two evaluations have different draws in part {part}, so they cannot be paired; evaluate both "
                "with the same --protocol."
            )
    one, other = (ready.config.model_dump() for ready in (first, second))
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key) and key not in MAY_DIFFER:
            raise InputError(
                f"The two evaluations measure differently ({key}={one.get(key)} and {other.get(key)}), so their "
                "difference would mean nothing; evaluate both with the same option."
            )


def _tables(ready: Prepared) -> tuple[list[str], list[list[DrawTable]]]:
    tables = getattr(ready.mode, "tables", None)
    if tables is None:
        raise InputError(f"Mode {ready.asked.mode} has no values per query, so it cannot be compared; use --mode reid.")
    names, found = tables(ready.arrays, ready.config)
    parts = [found[name] for name in ready.parts]
    # Units are numbered among all samples that were read, with score_norm also the cohort: number them by themselves.
    every = np.unique(np.concatenate([table.units for draws in parts for table in draws]))
    return names, [[DrawTable(each.values, np.searchsorted(every, each.units)) for each in draws] for draws in parts]


def _mean(parts: list[list[DrawTable]], column: int) -> float:
    return float(np.mean([np.mean([table.values[:, column].mean() for table in draws]) for draws in parts]))


def _called(ready: Prepared, other: Prepared) -> str:
    """The space, and the options in which it differs from the other evaluation."""
    mine, theirs = ready.config.model_dump(), other.config.model_dump()
    own = [key for key in SCORING if key in mine and mine[key] != theirs.get(key) and key != "transductive"]
    ours, others = ready.own.model_dump(), other.own.model_dump()
    asked = {key: str(value).lower() for key, value in ours.items() if value != others.get(key)}
    shown = {key: ",".join(mine[key]) if isinstance(mine[key], tuple) else mine[key] for key in own}
    return " ".join([ready.space.name, *(f"{key}={value}" for key, value in {**shown, **asked}.items())])
