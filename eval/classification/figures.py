"""Computes the evaluation of a classification from the answers of a mode: metrics, curves, sweep, arms and classes.

A mode sees neither the labels of test samples nor metrics on them: the examiner seals these. The task calls
:func:`evaluation_of` after the mode has answered, and only here they are opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eval.classification.caveats import metric_caveats, worse_than_arms
from eval.classification.choosing import metric_rule
from eval.metrics.classification import class_counts, confusion
from eval.metrics.probabilities import accuracy_coverage, reliability
from eval.results.schema import ArmResult, ClassMetrics, ConfusedPair, Curves, Evaluation, Gain, SweepPoint
from eval.seams.classification import (
    Answers,
    ArmSolution,
    ClassArrays,
    ClassConfig,
    Sealed,
    SettingMetrics,
    SettingTables,
    Solution,
)
from eval.statistics.class_summary import paired_classes, summarise_classes
from eval.statistics.class_sums import ClassTable
from eval.statistics.exchange_test import missing_intervals
from retrieval.errors import InputError, first_names

if TYPE_CHECKING:
    from typing import Literal

    from eval.classification.universe import LabelUniverse

Tables: TypeAlias = "list[list[ClassTable]]"
"""Answers with their true labels: per draw, per seed of the shots."""


def resampled(arrays: ClassArrays, config: ClassConfig) -> Literal["class", "group"]:
    """Say what the bootstrap resamples: ``class`` for samples within their class, or ``group`` for groups.

    Raises:
        InputError: ``interval=group``, and a test sample has no group.
    """
    if config.interval == "class" or (config.interval == "auto" and arrays.groups is None):
        return "class"
    tested = np.unique(np.concatenate([draw.test for draw in arrays.draws]))
    lacking = len(tested) if arrays.groups is None else int((arrays.groups[tested] < 0).sum())
    if not lacking:
        return "group"
    if config.interval == "group":
        raise InputError(
            f"`interval=group` needs the group of every test sample, and {lacking} of {len(tested)} have none; index "
            "again with groups, or pass `interval=class`."
        )
    return "class"


def tables_of(answers: Answers, arrays: ClassArrays, by: Literal["class", "group"]) -> Tables:
    """Join every answer with the true labels; ``by`` is what :func:`resampled` says."""
    return [[arrays.examiner.table(answer, by).open() for answer in seeds] for seeds in answers]


def evaluation_of(
    arrays: ClassArrays, universe: LabelUniverse, solution: Solution, config: ClassConfig, rng: np.random.Generator
) -> Evaluation:
    """Compute the evaluation from the answers of a mode.

    Args:
        arrays: arrays that the mode was given; their examiner has the true labels.
        universe: the classes and their origin.
        solution: the answers.
        config: options of the mode, as resolved.
        rng: generator of the bootstrap; it is copied, so its state does not change.
    """
    by, rule, classes = resampled(arrays, config), metric_rule(config), len(arrays.classes)
    tables = tables_of(solution.answers, arrays, by)
    summary = summarise_classes(tables, classes, rule, config.bootstrap, rng, by)
    per_class, confusions = _classes(tables, arrays)
    arms = _arms(solution, tables, arrays, config, rng, by)
    caveats = metric_caveats(summary.metrics, classes, calibrated=config.calibrate, rules_out=solution.rules_out)
    return Evaluation(
        metrics=summary.metrics,
        draws=summary.draws,
        n=_counts(arrays, tables),
        label_universe=universe.recorded,
        curves=_curves(tables, config.bins) | _arm_curves(solution.arms, arrays, by, config),
        sweep=tuple(sweep_point(setting, arrays, config, rng, by) for setting in solution.sweep) or None,
        chosen=solution.chosen,
        arms=arms,
        per_class=per_class,
        confusion=confusions,
        retrieval=_recalls(solution),
        config=config.model_dump(mode="json", by_alias=True) | {"interval": by, "draws": len(tables)},
        warnings=(
            *worse_than_arms(arms),
            *caveats,
            *solution.warnings,
            *_small_classes(arrays, tables),
            *(missing_gain_intervals(tables, by) if len(solution.arms) > 1 else ()),
        ),
    )


def missing_gain_intervals(tables: Tables, by: Literal["class", "group"]) -> tuple[str, ...]:
    """Warn that gains have no interval, with too few samples or groups; ``by`` is what :func:`resampled` says."""
    units = np.concatenate([table.rows if by == "class" else table.units for seeds in tables for table in seeds])
    return missing_intervals(len(np.unique(units)), "test samples" if by == "class" else "groups")


def sweep_point(
    setting: SettingMetrics | SettingTables, arrays: ClassArrays, config: ClassConfig, rng: np.random.Generator,
    by: Literal["class", "group"],
) -> SweepPoint:  # fmt: skip
    """Make the sweep point of a setting: metrics averaged over draws; intervals and deviations if it has tables.

    The bootstrap is that of the whole, so a setting that is the whole has the same intervals there and here.
    """
    if isinstance(setting, SettingMetrics):
        draws = [metrics.open() if isinstance(metrics, Sealed) else metrics for metrics in setting.metrics]
        means = {name: float(np.mean([metrics[name] for metrics in draws])) for name in draws[0]}
        settings = dict(setting.settings)
        return SweepPoint(settings=settings, role=setting.role, metrics=means, chosen=setting.chosen, arm=setting.arm)
    tables = [[table.open() for table in seeds] for seeds in setting.tables]
    metrics = summarise_classes(tables, len(arrays.classes), metric_rule(config), config.bootstrap, rng, by).metrics
    return SweepPoint(
        settings=dict(setting.settings),
        role="test",
        metrics={name: metric.value for name, metric in metrics.items()},
        ci95_of={name: metric.ci95 for name, metric in metrics.items() if metric.ci95 is not None} or None,
        sd_seeds_of={name: metric.sd_seeds for name, metric in metrics.items() if metric.sd_seeds is not None} or None,
    )


def _recalls(solution: Solution) -> dict[str, float] | None:
    """Average the recalls of texts that search the test samples over draws."""
    draws = [sealed.open() for sealed in solution.retrieval]
    if not draws:
        return None
    return {f"text_to_image_{name}": float(np.mean([recalls[name] for recalls in draws])) for name in draws[0]}


def _counts(arrays: ClassArrays, tables: Tables) -> dict[str, int | float]:
    """Average the numbers of labelled samples of every role, and of the classes tested, over draws."""
    counts = {
        "train": [int((draw.labels[draw.train] >= 0).sum()) for draw in arrays.draws],
        "val": [int((draw.labels[draw.val] >= 0).sum()) for draw in arrays.draws],
        "test": [len(seeds[0].labels) for seeds in tables],
        "classes_tested": [len(np.unique(seeds[0].labels)) for seeds in tables],
    }
    means = {name: float(np.mean(numbers)) for name, numbers in counts.items()}
    return {name: int(mean) if mean.is_integer() else mean for name, mean in means.items()}


def _classes(tables: Tables, arrays: ClassArrays) -> tuple[dict[str, ClassMetrics], tuple[ConfusedPair, ...]]:
    """Compute the metrics of every class and count confused pairs, over all draws and the first seed of each."""
    labels = np.concatenate([seeds[0].labels for seeds in tables])
    predicted = np.concatenate([seeds[0].predicted for seeds in tables])
    counts = class_counts(labels, predicted, len(arrays.classes))
    metrics = {
        name: ClassMetrics(
            precision=float(counts.precision[at]),
            recall=float(counts.recall[at]),
            f1=float(counts.f1[at]),
            jaccard=float(counts.jaccard[at]),
            support=int(counts.support[at]),
            predicted=int(counts.predicted[at]),
        )
        for at, name in enumerate(arrays.classes)
    }
    matrix = confusion(labels, predicted, len(arrays.classes))
    np.fill_diagonal(matrix, 0)
    true_codes, predicted_codes = np.nonzero(matrix)
    order = np.lexsort((predicted_codes, true_codes, -matrix[true_codes, predicted_codes]))
    names = arrays.classes
    pairs = [
        ConfusedPair(label=names[true], predicted=names[answered], count=int(matrix[true, answered]))
        for true, answered in zip(true_codes[order].tolist(), predicted_codes[order].tolist(), strict=True)
    ]
    return metrics, tuple(pairs)


def _curves(tables: Tables, bins: int, suffix: str = "") -> Curves:
    """Compute the curves of reliability and of accuracy over coverage, over all draws and the first seed of each."""
    confidence = np.concatenate([seeds[0].confidence for seeds in tables])
    correct = np.concatenate([seeds[0].ranks == 1 for seeds in tables])
    bins_curve = reliability(confidence, correct, bins)
    coverage, accuracy = accuracy_coverage(confidence, correct)
    return {
        f"reliability{suffix}": {
            "confidence": tuple(map(float, bins_curve.confidence)),
            "accuracy": tuple(map(float, bins_curve.accuracy)),
            "count": tuple(map(float, bins_curve.count)),
        },
        f"coverage{suffix}": {"coverage": tuple(map(float, coverage)), "accuracy": tuple(map(float, accuracy))},
    }


def _arm_curves(
    arms: Mapping[str, ArmSolution], arrays: ClassArrays, by: Literal["class", "group"], config: ClassConfig
) -> Curves:
    """Compute the curves of every arm, if there are several."""
    curves: Curves = {}
    if len(arms) > 1:
        for name, arm in arms.items():
            curves |= _curves(tables_of(arm.answers, arrays, by), config.bins, f"_{name}")
    return curves


def _arms(
    solution: Solution, tables: Tables, arrays: ClassArrays, config: ClassConfig, rng: np.random.Generator,
    by: Literal["class", "group"],
) -> dict[str, ArmResult]:  # fmt: skip
    """Make the results of the arms; of several arms, with their metrics and the gains of the fusion over them.

    Space, scorer and bank stay empty: the task, which knows them, fills them in.
    """
    if len(solution.arms) < 2:
        return {name: ArmResult(chosen=arm.chosen, calibration=arm.calibration) for name, arm in solution.arms.items()}
    rule, classes = metric_rule(config), len(arrays.classes)
    results = {}
    for name, arm in solution.arms.items():
        alone, same = tables_of(arm.answers, arrays, by), arm.answers is solution.answers
        summary = summarise_classes(alone, classes, rule, config.bootstrap, rng, by)
        results[name] = ArmResult(
            metrics=summary.metrics,
            chosen=arm.chosen,
            calibration=arm.calibration,
            gains=None if same else _gains(alone, tables, arrays, config, rng, by),
        )
    return results


def _gains(
    alone: Tables, whole: Tables, arrays: ClassArrays, config: ClassConfig, rng: np.random.Generator,
    by: Literal["class", "group"],
) -> dict[str, Gain]:  # fmt: skip
    """Compute the gains of the ``whole`` over one arm ``alone``, with paired intervals and p-values."""
    differences = paired_classes(alone, whole, len(arrays.classes), metric_rule(config), config.bootstrap, rng, by)
    return {
        name: Gain(value=difference.metric.value, ci95=difference.metric.ci95, p_value=difference.p_value)
        for name, difference in differences.items()
    }


def _small_classes(arrays: ClassArrays, tables: Tables) -> tuple[str, ...]:
    """Warn of classes with one test sample or none, over all draws."""
    _, first = np.unique(np.concatenate([seeds[0].rows for seeds in tables]), return_index=True)
    labels = np.concatenate([seeds[0].labels for seeds in tables])[first]
    samples = np.bincount(labels, minlength=len(arrays.classes)).tolist()
    single = [name for name, count in zip(arrays.classes, samples, strict=True) if count == 1]
    absent = [name for name, count in zip(arrays.classes, samples, strict=True) if count == 0]
    words = []
    if single:
        words.append(f"{_named(single)} one test sample: recall there is all or nothing.")
    if absent:
        words.append(f"{_named(absent)} no test sample; they are answers that are always wrong.")
    return tuple(words)


def _named(names: Sequence[str]) -> str:
    """Begin a sentence about classes: ``3 classes (a, b, c) have``."""
    shown = first_names(names)
    return f"1 class ({shown}) has" if len(names) == 1 else f"{len(names)} classes ({shown}) have"
