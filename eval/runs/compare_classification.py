"""Compares two classifications over the same test samples, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from eval.classification.choosing import metric_rule
from eval.classification.condition_options import ConditionalConfig
from eval.classification.condition_slices import OTHER_TYPES, SLICE_METRICS, beside_whole, class_masks, slices_of
from eval.classification.figures import missing_gain_intervals, resampled, tables_of
from eval.seams.samples import rows_of_ids
from eval.statistics.class_summary import mcnemar_classes, paired_classes, summarise_classes
from eval.statistics.paired_comparison import Comparison, SliceComparison, paired_values
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eval.classification.figures import Tables
    from eval.results.schema import TaskName
    from eval.runs.prepare_classification import PreparedClassification
    from eval.seams.classification import Answers
    from eval.statistics.class_summary import By

MEASURES = ("tops", "macro_over", "bins", "interval")
"""Options that define the metrics; two evaluations must have the same values of these."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClassificationComparison(Comparison):
    """B against A, sample by sample. ``a`` and ``b`` name mode, spaces and scorers.

    ``by`` is what the bootstrap resamples: samples within their ``class``, or a ``group`` as a whole. ``slices`` are
    those of two evaluations of conditions, and empty for other modes.
    """

    task: ClassVar[TaskName] = "classification"
    head: ClassVar[tuple[str, ...]] = (
        "a", "b", "store_version", "split_set", "split_sha256", "classes", "by", "seed", "resamples"
    )  # fmt: skip

    classes: int
    by: str
    slices: Mapping[str, SliceComparison]

    def to_dict(self) -> dict[str, Any]:
        """See :meth:`Comparison.to_dict`; with ``slices`` where there are any."""
        slices = {
            name: {"n": part.n, "metrics": paired_values(part.values, part.differences)}
            for name, part in self.slices.items()
        }
        return Comparison.to_dict(self) | ({"slices": slices} if slices else {})


def _same_rows(answers: Answers, first: PreparedClassification, second: PreparedClassification) -> Answers:
    """Answers of the second with the rows of the first, since the train and val samples may differ."""
    rows = rows_of_ids(first.arrays.ids, second.arrays.ids)
    return tuple(tuple(answer._replace(rows=rows[answer.rows]) for answer in seeds) for seeds in answers)


def _paired_tables(
    a: Answers, b: Answers, first: PreparedClassification, second: PreparedClassification, by: By
) -> tuple[Tables, Tables]:
    """Answers of A and of B with their true labels, in the rows of the first."""
    return tables_of(a, first.arrays, by), tables_of(_same_rows(b, first, second), first.arrays, by)


def _slices(
    first: PreparedClassification, second: PreparedClassification, whole: tuple[Tables, Tables], by: By
) -> dict[str, tuple[Tables, Tables]]:
    """The slices of two evaluations of conditions; which classes are rare, the train samples of the first say."""
    one, two = first.config, second.config
    if not isinstance(one, ConditionalConfig) or not isinstance(two, ConditionalConfig) or first.facts is None:
        return {}
    masks = class_masks(first.arrays, first.facts.classes, one)
    a, b = (slices_of(tables, masks, first.facts.samples) for tables in whole)
    slices = {name: (part, b[name]) for name, part in a.items()}
    others = first.solution.other_types, second.solution.other_types
    if one.types == two.types and others[0] is not None and others[1] is not None:
        paired = _paired_tables(others[0], others[1], first, second, by)
        slices = beside_whole(slices, OTHER_TYPES[one.types], paired)
    return slices


def _compared(first: PreparedClassification, a: Tables, b: Tables, resamples: int, by: By) -> SliceComparison:
    rule, classes = metric_rule(first.config), len(first.arrays.classes)
    values = [summarise_classes(tables, classes, rule, 0, first.rng(), by).metrics for tables in (a, b)]
    differences = paired_classes(a, b, classes, rule, resamples, first.rng(), by)
    return SliceComparison(
        float(np.mean([len(seeds[0].labels) for seeds in a])),
        {name: (values[0][name].value, values[1][name].value) for name in SLICE_METRICS},
        {name: differences[name] for name in SLICE_METRICS},
    )


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
    tables = _paired_tables(first.solution.answers, second.solution.answers, first, second, by)
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
        differences=paired_classes(*tables, classes, rule, resamples, first.rng(), by),
        mcnemar=mcnemar_classes(*tables),
        slices={
            name: _compared(first, *pair, resamples, by) for name, pair in _slices(first, second, tables, by).items()
        },
        warnings=tuple(dict.fromkeys([*first.warnings, *second.warnings, *missing_gain_intervals(tables[0], by)])),
    )
