"""Sections of a result that are of conditions: metrics of slices of objects, contrasts of prompts, and targets.

Called when a result is built, as :mod:`eval.classification.figures` is: it opens what the examiner sealed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.classification.choosing import metric_rule
from eval.classification.condition_slices import (
    CONTEXT,
    OTHER_TYPES,
    OVERALL,
    RARE,
    SLICE_METRICS,
    beside_whole,
    class_masks,
    in_context,
    slices_of,
)
from eval.classification.figures import resampled, tables_of
from eval.metrics.classification import class_counts
from eval.results.schema import Contrast, Gain, Metric, Slice, Target
from eval.statistics.class_summary import paired_classes, summarise_classes
from eval.statistics.slices import FEW_QUERIES
from retrieval.errors import InputError, unknown
from retrieval.names import shown_name
from retrieval.text_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eval.classification.condition_options import ConditionalConfig
    from eval.classification.figures import Tables
    from eval.classification.situations import ObjectCondition, Situation
    from eval.seams.classification import ClassArrays, Solution

DRAINS = {
    OVERALL: 0.90,
    CONTEXT: 0.85,
    "condition normal": 0.90,
    "condition damaged": 0.85,
    "condition blocked": 0.60,
    RARE: 0.70,
    "object toe drain": 0.85,
    "object slope drain": 0.90,
    "object rock toe": 0.85,
    "object vegetation": 0.90,
}
"""Targets of the drain inspection that Vitrine was asked for."""


def condition_sections(
    arrays: ClassArrays,
    solution: Solution,
    objects: Mapping[str, ObjectCondition],
    samples: Sequence[Situation],
    config: ConditionalConfig,
    wanted: Mapping[str, float],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compute the sections ``slices``, ``contrasts`` and ``targets``.

    Args:
        arrays: the arrays of the mode.
        solution: its answers; the slices are of the first arm, which is the whole.
        objects: what each class is.
        samples: (n,) the situation of each sample.
        config: options of the mode.
        wanted: targets, as of :func:`read_targets`.
        rng: generator of the bootstrap.
    """
    by, masks = resampled(arrays, config), class_masks(arrays, objects, config)
    parts = slices_of(tables_of(solution.answers, arrays, by), masks, samples)
    if solution.other_types is not None:
        parts = beside_whole(parts, OTHER_TYPES[config.types], tables_of(solution.other_types, arrays, by))
    slices = {name: _slice(part, arrays, config, rng) for name, part in parts.items()}
    contrasts = _contrasts(arrays, solution, samples, config, rng)
    targets = tuple(_target(name, share, slices.get(name)) for name, share in wanted.items())
    return {"slices": slices, "contrasts": contrasts or None, "targets": targets or None}


def slice_names(arrays: ClassArrays, objects: Mapping[str, ObjectCondition], config: ConditionalConfig) -> list[str]:
    """Return the names of the slices that a result may have."""
    return [*class_masks(arrays, objects, config), CONTEXT, OTHER_TYPES[config.types]]


def _slice(tables: Tables, arrays: ClassArrays, config: ConditionalConfig, rng: np.random.Generator) -> Slice:
    by, classes = resampled(arrays, config), len(arrays.classes)
    summary = summarise_classes(tables, classes, metric_rule(config), config.bootstrap, rng, by)
    metrics = {name: summary.metrics[name] for name in SLICE_METRICS}
    metrics["weighted_f1"] = Metric(value=_weighted_f1(tables, classes))
    count = float(np.mean([len(seeds[0].labels) for seeds in tables]))
    return Slice(metrics=metrics, n={"test": int(count) if count.is_integer() else count}, small=count < FEW_QUERIES)


def _weighted_f1(tables: Tables, classes: int) -> float:
    """Mean of the F1 of the classes, weighted by their test samples, over seeds and draws."""
    values = []
    for seeds in tables:
        for table in seeds:
            counts = class_counts(table.labels, table.predicted, classes)
            values.append(float((counts.f1 * counts.support).sum() / counts.support.sum()))
    return float(np.mean(values))


def _contrasts(
    arrays: ClassArrays,
    solution: Solution,
    samples: Sequence[Situation],
    config: ConditionalConfig,
    rng: np.random.Generator,
) -> tuple[Contrast, ...]:
    """What prompts with a situation gain over plain ones, on objects beside others."""
    by, arms = resampled(arrays, config), solution.arms
    if "plain" not in arms:
        return ()
    plain = in_context(tables_of(arms["plain"].answers, arrays, by), samples)
    contrasts = []
    for name in ("spatial", "neighbours"):
        if name not in arms or plain is None:
            continue
        other = in_context(tables_of(arms[name].answers, arrays, by), samples)
        assert other is not None  # noqa: S101 - the samples are those of plain
        rule = metric_rule(config)
        differences = paired_classes(plain, other, len(arrays.classes), rule, config.bootstrap, rng, by)
        gains = {
            metric: Gain(value=one.metric.value, ci95=one.metric.ci95, p_value=one.p_value)
            for metric, one in differences.items()
            if metric in SLICE_METRICS
        }
        count = len(np.unique(np.concatenate([seeds[0].rows for seeds in plain])))
        contrasts.append(Contrast(first=name, second="plain", slice=CONTEXT, n=count, gains=gains))
    return tuple(contrasts)


def _target(name: str, share: float, part: Slice | None) -> Target:
    """Compare the top-1 of a slice with a target; it has no value where the slice has no test sample."""
    if part is None:
        return Target(slice=name, target=share)
    metric = part.metrics["top_1"]
    return Target(slice=name, target=share, value=metric.value, ci95=metric.ci95, reached=metric.value > share)


def read_targets(source: str | None) -> Mapping[str, float]:
    """Return wanted shares by the name of a slice: none, those of ``drains``, or those of a YAML file.

    Raises:
        MissingFileError, InputError: the file cannot be read, holds no targets, or has one that is no share.
    """
    if source is None or source == "drains":
        return {} if source is None else DRAINS
    path = Path(source)
    content = read_yaml(path, "targets")
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path} holds no targets; write lines such as 'condition blocked: 0.6'.")
    for name, value in content.items():
        if not _is_share(value):
            percent = value if isinstance(value, int | float) and 1 < value <= 100 else 95
            raise InputError(
                f"{path}: the target of {shown_name(str(name))} is {value!r:.40}, and a target is a share from 0 to 1: "
                f"{percent:g} % is {percent / 100:g}."
            )
    return {str(name): float(value) for name, value in content.items()}


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def require_targets(wanted: Mapping[str, float], names: Sequence[str]) -> None:
    """Check that targets are of slices; those of ``drains`` may be of slices that a store does not have.

    Raises:
        UnknownNameError: a target is of no slice.
    """
    for name in wanted:
        if name not in names and wanted is not DRAINS:
            raise unknown("slice", name, names)
