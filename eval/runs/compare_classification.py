"""Compare two classifications over the same test samples, sample by sample, from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.classification.choosing import metric_rule
from eval.classification.figures import resampled, tables_of
from eval.runs.prepare_classification import PreparedClasses, prepare_classes
from eval.runs.rerun import asked_again, require_values
from eval.seams.classification import Answers
from eval.statistics.class_figures import mcnemar_classes, paired_classes, summarise_classes
from eval.statistics.paired_tests import Difference, McNemar, to_dict
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import EvalResult
    from eval.runs.request import Asked
    from retrieval.types.store import EmbeddingStore

MEASURES = ("tops", "macro_over", "bins", "interval")
"""Options that define what is measured; two evaluations must agree in them."""


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """B against A: ``a`` and ``b`` say mode, spaces and what was chosen; ``differences`` are B minus A.

    ``warnings`` say what is not clean about the samples of either.
    """

    a: str
    b: str
    store_version: int
    split_set: str
    split_sha256: str
    classes: int
    samples: float
    by: str
    seed: int
    resamples: int
    values: Mapping[str, tuple[float, float]]
    differences: Mapping[str, Difference]
    mcnemar: McNemar
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; metrics are fractions."""
        head = ("a", "b", "store_version", "split_set", "split_sha256", "classes", "by", "seed", "resamples")
        apart = to_dict(self.differences)
        return {
            **{name: getattr(self, name) for name in head},
            "n": {"test": self.samples},
            "metrics": {name: {"a": a, "b": b, **apart[name]} for name, (a, b) in self.values.items()},
            "mcnemar": self.mcnemar._asdict(),
            "warnings": list(self.warnings),
        }


def compare_class_requests(store: EmbeddingStore, first: Asked, second: Asked) -> ClassComparison:
    """Evaluate two requests and compare them; seeded by the first one's seed.

    Raises:
        InputError: they are over different test samples or labels, or measure differently.
    """
    return _compare(prepare_classes(store, first), prepare_classes(store, second))


def compare_class_results(store: EmbeddingStore, first: EvalResult, second: EvalResult) -> ClassComparison:
    """Compare two result files; both are computed again from the store, and must still give what the files say.

    Raises:
        InputError: as :func:`compare_class_requests`, or the store no longer gives what a file says.
        UnknownNameError: the store has not such a space.
    """
    ready = [prepare_classes(store, asked_again(store, each, name)) for each, name in ((first, "A"), (second, "B"))]
    found = _compare(*ready)
    for at, (before, name) in enumerate(((first, "A"), (second, "B"))):
        require_values(before, {metric: values[at] for metric, values in found.values.items()}, name)
    return found


def _same_rows(first: PreparedClasses, second: PreparedClasses) -> tuple[Answers, Answers]:
    """The answers of both, by rows of the first: the two may have read different train and val samples."""
    ours, theirs = first.solve().answers, second.solve().answers
    place = np.searchsorted(first.arrays.ids, second.arrays.ids)
    moved = tuple(tuple(each._replace(rows=place[each.rows]) for each in seeds) for seeds in theirs)
    return ours, moved


def _require_comparable(first: PreparedClasses, second: PreparedClasses) -> None:
    if first.universe.names != second.universe.names:
        one, other = (f"{len(each.universe.names)} ({each.universe.origin})" for each in (first, second))
        raise InputError(
            f"The evaluations are over different label universes, {one} and {other} classes, so they cannot be paired; "
            "evaluate both with the same --labels-from."
        )
    tested = [[each.arrays.ids[draw["test"]].tolist() for draw in each.arrays.draws] for each in (first, second)]
    if tested[0] != tested[1]:
        raise InputError(
            f"The evaluations have different test samples (split sets {first.splits.name} and {second.splits.name}), "
            "they cannot be paired; evaluate both with the same --split-set, --where and --seed."
        )
    for key in MEASURES:
        one, other = (getattr(each.config, key) for each in (first, second))
        if one != other:
            raise InputError(
                f"The two evaluations measure differently ({key}={one} and {other}), so their difference would mean "
                "nothing; evaluate both with the same option."
            )


def _called(ready: PreparedClasses) -> str:
    """Mode, and scorers with their spaces and banks."""
    arms = [
        " ".join(filter(None, (arm.asked.scorer, arm.space.name, "+".join(bank.name for bank in arm.banks))))
        for arm in ready.arms
    ]
    return f"{ready.asked.mode}: {', '.join(arms)}"


def _compare(first: PreparedClasses, second: PreparedClasses) -> ClassComparison:
    _require_comparable(first, second)
    by, rule, classes = resampled(first.arrays, first.config), metric_rule(first.config), len(first.arrays.classes)
    tables = [tables_of(answers, first.arrays, by) for answers in _same_rows(first, second)]
    resamples = max(first.config.bootstrap, second.config.bootstrap)
    if resamples == 0:
        raise InputError("Without resamples nothing says how sure a difference is; evaluate with -o bootstrap=1000.")
    values = [summarise_classes(each, classes, rule, 0, first.rng(), by).metrics for each in tables]
    return ClassComparison(
        a=_called(first),
        b=_called(second),
        store_version=first.store_version,
        split_set=first.splits.name,
        split_sha256=first.splits.sha256,
        classes=classes,
        samples=float(np.mean([len(draw["test"]) for draw in first.arrays.draws])),
        by=by,
        seed=first.asked.seed,
        resamples=resamples,
        values={name: (values[0][name].value, values[1][name].value) for name in values[0]},
        differences=paired_classes(tables[0], tables[1], classes, rule, resamples, first.rng(), by),
        mcnemar=mcnemar_classes(tables[0], tables[1]),
        warnings=tuple(dict.fromkeys([*first.warnings, *second.warnings])),
    )
