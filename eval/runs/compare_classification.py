"""Compares two classifications over the same test samples, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from eval.classification.choosing import metric_rule
from eval.classification.figures import missing_gain_intervals, resampled, tables_of
from eval.seams.samples import rows_of_ids
from eval.statistics.class_summary import mcnemar_classes, paired_classes, summarise_classes
from eval.statistics.paired_comparison import Comparison
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import TaskName
    from eval.runs.prepare_classification import PreparedClassification
    from eval.seams.classification import Answers

MEASURES = ("tops", "macro_over", "bins", "interval")
"""Options that define the metrics; two evaluations must have the same values of these."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClassificationComparison(Comparison):
    """B against A, sample by sample. ``a`` and ``b`` name mode, spaces and scorers.

    ``by`` is what the bootstrap resamples: samples within their ``class``, or a ``group`` as a whole.
    """

    task: ClassVar[TaskName] = "classification"
    head: ClassVar[tuple[str, ...]] = (
        "a", "b", "store_version", "split_set", "split_sha256", "classes", "by", "seed", "resamples"
    )  # fmt: skip

    classes: int
    by: str


def _same_rows(first: PreparedClassification, second: PreparedClassification) -> tuple[Answers, Answers]:
    """The answers of both with the rows of the first, since the train and val samples may differ."""
    rows = rows_of_ids(first.arrays.ids, second.arrays.ids)
    answers = tuple(
        tuple(answer._replace(rows=rows[answer.rows]) for answer in seeds) for seeds in second.solution.answers
    )
    return first.solution.answers, answers


def _require_comparable(first: PreparedClassification, second: PreparedClassification) -> None:
    if first.universe.names != second.universe.names:
        one, other = (f"{len(ready.universe.names)} ({ready.universe.origin})" for ready in (first, second))
        raise InputError(
            f"The evaluations are over different label universes, {one} and {other} classes, so they cannot be paired; "
            "evaluate both with the same `labels_from`."
        )
    tests = [[ready.arrays.ids[draw.test].tolist() for draw in ready.arrays.draws] for ready in (first, second)]
    if tests[0] != tests[1]:
        raise InputError(
            f"The evaluations have different test samples (split sets {first.splits.name} and {second.splits.name}), "
            "they cannot be paired; evaluate both with the same `split_set`, `where` and `seed`."
        )
    for key in MEASURES:
        one, other = (getattr(ready.config, key) for ready in (first, second))
        if one != other:
            raise InputError(
                f"The two evaluations measure differently ({key}={one} and {other}), so their difference would mean "
                "nothing; evaluate both with the same option."
            )


def _description(ready: PreparedClassification) -> str:
    """Describe an evaluation by its mode and the scorers, spaces and banks of its arms."""
    arms = [
        " ".join(filter(None, (arm.scorer, arm.space.name, "+".join(bank.name for bank in arm.banks))))
        for arm in ready.arms
    ]
    return f"{ready.request.mode}: {', '.join(arms)}"


def compare_classifications(first: PreparedClassification, second: PreparedClassification) -> ClassificationComparison:
    """Compare two classifications.

    Args:
        first: evaluation A; its seed is that of the resamples.
        second: evaluation B.

    Raises:
        InputError: the test samples, the label universes or the definitions of metrics differ.
    """
    _require_comparable(first, second)
    by, rule, classes = resampled(first.arrays, first.config), metric_rule(first.config), len(first.arrays.classes)
    tables = [tables_of(answers, first.arrays, by) for answers in _same_rows(first, second)]
    resamples = max(first.config.bootstrap, second.config.bootstrap)
    if resamples == 0:
        raise InputError("Without resamples nothing says how sure a difference is; evaluate with `bootstrap=1000`.")
    values = [summarise_classes(table, classes, rule, 0, first.rng(), by).metrics for table in tables]
    return ClassificationComparison(
        a=_description(first),
        b=_description(second),
        store_version=first.store_version,
        split_set=first.splits.name,
        split_sha256=first.splits.sha256,
        classes=classes,
        n={"test": float(np.mean([len(draw.test) for draw in first.arrays.draws]))},
        by=by,
        seed=first.request.seed,
        resamples=resamples,
        values={name: (values[0][name].value, values[1][name].value) for name in values[0]},
        differences=paired_classes(tables[0], tables[1], classes, rule, resamples, first.rng(), by),
        mcnemar=mcnemar_classes(tables[0], tables[1]),
        warnings=tuple(dict.fromkeys([*first.warnings, *second.warnings, *missing_gain_intervals(tables[0], by)])),
    )
