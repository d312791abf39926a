"""Sections of a result that are of conditions: slices of objects, contrasts of prompts, and targets.

Called when a result is built, as :mod:`eval.classification.figures` is: it opens what the examiner sealed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.classification.choosing import metric_rule
from eval.classification.figures import resampled, tables_of
from eval.metrics.classification import class_counts
from eval.results.schema import Contrast, Gain, Metric, Slice, Target
from eval.statistics.class_summary import paired_classes, summarise_classes
from eval.statistics.slices import FEW_QUERIES
from retrieval.errors import InputError, unknown
from retrieval.text_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from eval.classification.condition_options import ConditionalConfig
    from eval.classification.figures import Tables
    from eval.classification.situations import ObjectCondition, Situation
    from eval.seams.classification import ClassArrays, Solution
    from eval.statistics.class_sums import ClassTable

OVERALL, SEVERAL, CONTEXT, RARE, FREE = (
    "all objects",
    "objects with several conditions",
    "objects beside others",
    "rare classes",
    "all objects, type predicted",
)
"""Names of slices; those of conditions and of objects are ``condition X`` and ``object X``."""

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
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compute the sections ``slices``, ``contrasts`` and ``targets``.

    Args:
        arrays: the arrays of the mode.
        solution: its answers; the slices are of the first arm, which is the whole.
        objects: what each class is.
        samples: (n,) the situation of each sample.
        config: options of the mode.
        rng: generator of the bootstrap.
    """
    by = resampled(arrays, config)
    in_context = np.array([situation.in_context for situation in samples], np.bool_)
    tables = tables_of(solution.answers, arrays, by)
    masks = _class_masks(arrays, objects, config) | {CONTEXT: None}
    slices = {}
    for name, classes in masks.items():
        part = _part(tables, in_context, None) if classes is None else _part(tables, None, classes)
        if part is not None:
            slices[name] = _slice(part, arrays, config, rng)
    if solution.free is not None:
        slices[FREE] = _slice(tables_of(solution.free, arrays, by), arrays, config, rng)
    contrasts = _contrasts(arrays, solution, in_context, config, rng)
    targets = _targets(config.targets, slices, masks)
    return {"slices": slices, "contrasts": contrasts or None, "targets": targets or None}


def _class_masks(
    arrays: ClassArrays, objects: Mapping[str, ObjectCondition], config: ConditionalConfig
) -> dict[str, NDArray[np.bool_] | None]:
    """Say which classes (C,) each slice is of."""
    names = arrays.classes
    kinds = np.array([objects[name].object if name in objects else "" for name in names], np.object_)
    conditions = np.array([objects[name].condition if name in objects else "" for name in names], np.object_)
    several = np.array([len(set(conditions[kinds == kind])) > 1 for kind in kinds], np.bool_)
    masks: dict[str, NDArray[np.bool_] | None] = {OVERALL: np.ones(len(names), np.bool_), SEVERAL: several}
    masks |= {f"condition {name}": conditions == name for name in sorted({*conditions} - {""})}
    masks |= {f"object {name}": kinds == name for name in sorted({*kinds} - {""})}
    counts = np.zeros(len(names))
    for draw in arrays.draws:
        labels = draw.labels[draw.train]
        counts += np.bincount(labels[labels >= 0], minlength=len(names))
    return masks | {RARE: counts * config.rare < counts.max()}


def _part(tables: Tables, samples: NDArray[np.bool_] | None, classes: NDArray[np.bool_] | None) -> Tables | None:
    """Take the answers to some samples, by sample or by true class; None where a draw has none of them."""
    parts = []
    for seeds in tables:
        masks = [samples[table.rows] if samples is not None else _of(classes, table) for table in seeds]
        if not all(mask.any() for mask in masks):
            return None
        parts.append([table.take(mask) for table, mask in zip(seeds, masks, strict=True)])
    return parts


def _of(classes: NDArray[np.bool_] | None, table: ClassTable) -> NDArray[np.bool_]:
    assert classes is not None  # noqa: S101 - one of the two is given
    chosen: NDArray[np.bool_] = classes[table.labels]
    return chosen


def _slice(tables: Tables, arrays: ClassArrays, config: ConditionalConfig, rng: np.random.Generator) -> Slice:
    by, classes = resampled(arrays, config), len(arrays.classes)
    summary = summarise_classes(tables, classes, metric_rule(config), config.bootstrap, rng, by)
    metrics = {name: summary.metrics[name] for name in ("top_1", "balanced_accuracy", "macro_f1")}
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
    in_context: NDArray[np.bool_],
    config: ConditionalConfig,
    rng: np.random.Generator,
) -> tuple[Contrast, ...]:
    """What prompts with a situation gain over plain ones, on objects beside others."""
    by, arms = resampled(arrays, config), solution.arms
    if "plain" not in arms:
        return ()
    plain = _part(tables_of(arms["plain"].answers, arrays, by), in_context, None)
    contrasts = []
    for name in ("spatial", "neighbours"):
        if name not in arms or plain is None:
            continue
        other = _part(tables_of(arms[name].answers, arrays, by), in_context, None)
        assert other is not None  # noqa: S101 - the samples are those of plain
        rule = metric_rule(config)
        differences = paired_classes(plain, other, len(arrays.classes), rule, config.bootstrap, rng, by)
        gains = {
            metric: Gain(value=one.metric.value, ci95=one.metric.ci95, p_value=one.p_value)
            for metric, one in differences.items()
            if metric in {"top_1", "balanced_accuracy", "macro_f1"}
        }
        count = len(np.unique(np.concatenate([seeds[0].rows for seeds in plain])))
        contrasts.append(Contrast(first=name, second="plain", slice=CONTEXT, n=count, gains=gains))
    return tuple(contrasts)


def _targets(source: str | None, slices: Mapping[str, Slice], names: Mapping[str, object]) -> tuple[Target, ...]:
    """Compare slices with targets.

    Raises:
        InputError: the file of targets cannot be read.
        UnknownNameError: a target is of no slice.
    """
    if source is None:
        return ()
    wanted = DRAINS if source == "drains" else _read_targets(Path(source), [*names, FREE])
    targets = []
    for name, share in wanted.items():
        metric = slices[name].metrics["top_1"] if name in slices else None
        value = None if metric is None else metric.value
        reached = None if value is None else value > share
        ci95 = None if metric is None else metric.ci95
        targets.append(Target(slice=name, target=share, value=value, ci95=ci95, reached=reached))
    return tuple(targets)


def _read_targets(path: Path, names: Sequence[str]) -> dict[str, float]:
    content = read_yaml(path, "targets")
    if not isinstance(content, dict) or not all(isinstance(value, int | float) for value in content.values()):
        raise InputError(f"{path} holds no targets; write lines such as 'condition blocked: 0.6'.")
    for name in content:
        if name not in names:
            raise unknown("slice", str(name), names)
    return {str(name): float(value) for name, value in content.items()}
