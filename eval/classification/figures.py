"""From the answers of a mode to the figures of a result."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

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
from eval.statistics.class_figures import paired_classes, summarise_classes
from eval.statistics.class_sums import ClassTable
from retrieval.errors import InputError, first_names
from retrieval.types import Int64

if TYPE_CHECKING:
    from typing import Literal

    from eval.classification.universe import LabelUniverse

Tables: TypeAlias = "list[list[ClassTable]]"


def resampled(arrays: ClassArrays, config: ClassConfig) -> Literal["class", "group"]:
    """Settle what the bootstrap resamples.

    Raises:
        InputError: groups are asked for, and a test sample has none.
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
    """What is counted of every answer: per draw, per seed."""
    return [[arrays.examiner.table(answer, by).open() for answer in seeds] for seeds in answers]


def evaluation_of(
    arrays: ClassArrays, truth: Int64, universe: LabelUniverse, solution: Solution, config: ClassConfig,
    rng: np.random.Generator,
) -> Evaluation:  # fmt: skip
    """Count a mode's answers.

    Args:
        arrays: what the mode saw.
        truth: (n,) codes of the true classes.
        universe: the classes and where they come from.
        solution: the answers.
        config: of the mode, as resolved.
        rng: where the bootstrap starts; it is copied, not used up.
    """
    by, rule, classes = resampled(arrays, config), metric_rule(config), len(arrays.classes)
    tables = tables_of(solution.answers, arrays, by)
    summary = summarise_classes(tables, classes, rule, config.bootstrap, rng, by)
    figures, confused = _classes(tables, arrays)
    return Evaluation(
        metrics=summary.metrics,
        draws=summary.draws,
        n=_counts(arrays, truth, tables),
        label_universe=universe.recorded,
        curves=_curves(tables, config.bins) | _arm_curves(solution.arms, arrays, by, config),
        sweep=tuple(sweep_point(setting, arrays, config, by) for setting in solution.sweep) or None,
        chosen=solution.chosen,
        arms=_arms(solution, tables, arrays, config, rng, by),
        per_class=figures,
        confusion=confused,
        retrieval=_recalls(solution),
        config=config.model_dump(mode="json", by_alias=True) | {"interval": by, "draws": len(tables)},
        warnings=(*solution.warnings, *_small(arrays, truth)),
    )


def sweep_point(
    setting: SettingMetrics | SettingTables, arrays: ClassArrays, config: ClassConfig, by: Literal["class", "group"]
) -> SweepPoint:
    """A setting as the result has it: means over draws; of one that was tested whole, intervals and deviations."""
    if isinstance(setting, SettingMetrics):
        draws = [metrics.open() if isinstance(metrics, Sealed) else metrics for metrics in setting.metrics]
        means = {name: float(np.mean([metrics[name] for metrics in draws])) for name in draws[0]}
        settings = dict(setting.settings)
        return SweepPoint(settings=settings, role=setting.role, metrics=means, chosen=setting.chosen, arm=setting.arm)
    tables = [[table.open() for table in seeds] for seeds in setting.tables]
    rng = np.random.Generator(np.random.PCG64(setting.seed))
    metrics = summarise_classes(tables, len(arrays.classes), metric_rule(config), config.bootstrap, rng, by).metrics
    return SweepPoint(
        settings=dict(setting.settings),
        role="test",
        metrics={name: metric.value for name, metric in metrics.items()},
        ci95_of={name: metric.ci95 for name, metric in metrics.items() if metric.ci95 is not None} or None,
        sd_seeds_of={name: metric.sd_seeds for name, metric in metrics.items() if metric.sd_seeds is not None} or None,
    )


def _recalls(solution: Solution) -> dict[str, float] | None:
    """Recalls of texts that search the test samples, means over draws."""
    draws = [sealed.open() for sealed in solution.retrieval]
    if not draws:
        return None
    return {f"text_to_image_{name}": float(np.mean([recalls[name] for recalls in draws])) for name in draws[0]}


def _counts(arrays: ClassArrays, truth: Int64, tables: Tables) -> dict[str, int | float]:
    """Means over draws of how many samples there are of every role, and of the classes tested."""
    labelled = truth >= 0
    rows = {"train": [d.train for d in arrays.draws], "val": [d.val for d in arrays.draws]}
    rows["test"] = [d.test for d in arrays.draws]
    counts = {role: [int(labelled[at].sum()) for at in draws] for role, draws in rows.items()}
    counts["classes_tested"] = [len(np.unique(seeds[0].labels)) for seeds in tables]
    means = {name: float(np.mean(found)) for name, found in counts.items()}
    return {name: int(mean) if mean.is_integer() else mean for name, mean in means.items()}


def _classes(tables: Tables, arrays: ClassArrays) -> tuple[dict[str, ClassMetrics], tuple[ConfusedPair, ...]]:
    """Figures of every class and the pairs that are confused, over all draws; of several seeds the first counts."""
    labels = np.concatenate([seeds[0].labels for seeds in tables])
    predicted = np.concatenate([seeds[0].predicted for seeds in tables])
    counts = class_counts(labels, predicted, len(arrays.classes))
    figures = {
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
    truth, taken = np.nonzero(matrix)
    order = np.lexsort((taken, truth, -matrix[truth, taken]))
    names = arrays.classes
    pairs = [
        ConfusedPair(label=names[truth[at]], predicted=names[taken[at]], count=int(matrix[truth[at], taken[at]]))
        for at in order.tolist()
    ]
    return figures, tuple(pairs)


def _curves(tables: Tables, bins: int, suffix: str = "") -> Curves:
    """Reliability and accuracy over coverage, of all draws together; of several seeds the first counts."""
    confidence = np.concatenate([seeds[0].confidence for seeds in tables])
    correct = np.concatenate([seeds[0].ranks == 1 for seeds in tables])
    found = reliability(confidence, correct, bins)
    coverage, accuracy = accuracy_coverage(confidence, correct)
    return {
        f"reliability{suffix}": {
            "confidence": tuple(map(float, found.confidence)),
            "accuracy": tuple(map(float, found.accuracy)),
            "count": tuple(map(float, found.count)),
        },
        f"coverage{suffix}": {"coverage": tuple(map(float, coverage)), "accuracy": tuple(map(float, accuracy))},
    }


def _arm_curves(
    arms: Mapping[str, ArmSolution], arrays: ClassArrays, by: Literal["class", "group"], config: ClassConfig
) -> Curves:
    """The same curves of every arm, where there are several."""
    curves: Curves = {}
    if len(arms) > 1:
        for name, arm in arms.items():
            curves |= _curves(tables_of(arm.answers, arrays, by), config.bins, f"_{name}")
    return curves


def _arms(
    solution: Solution, tables: Tables, arrays: ClassArrays, config: ClassConfig, rng: np.random.Generator,
    by: Literal["class", "group"],
) -> dict[str, ArmResult]:  # fmt: skip
    """Every arm by itself; of several, with metrics of its own and what the whole gains over it."""
    if len(solution.arms) < 2:
        return {name: ArmResult(chosen=arm.chosen, calibration=arm.calibration) for name, arm in solution.arms.items()}
    rule, classes = metric_rule(config), len(arrays.classes)
    found = {}
    for name, arm in solution.arms.items():
        alone, same = tables_of(arm.answers, arrays, by), arm.answers is solution.answers
        summary = summarise_classes(alone, classes, rule, config.bootstrap, rng, by)
        found[name] = ArmResult(
            metrics=summary.metrics,
            chosen=arm.chosen,
            calibration=arm.calibration,
            gains=None if same else _gains(alone, tables, arrays, config, copy.deepcopy(rng), by),
        )
    return found


def _gains(
    alone: Tables, whole: Tables, arrays: ClassArrays, config: ClassConfig, rng: np.random.Generator,
    by: Literal["class", "group"],
) -> dict[str, Gain]:  # fmt: skip
    apart = paired_classes(alone, whole, len(arrays.classes), metric_rule(config), config.bootstrap, rng, by)
    return {
        name: Gain(value=each.metric.value, ci95=each.metric.ci95, p_value=each.p_value) for name, each in apart.items()
    }


def _small(arrays: ClassArrays, truth: Int64) -> tuple[str, ...]:
    """Say which classes are too small for figures of their own, and which are not tested at all."""
    tested = np.unique(np.concatenate([draw.test for draw in arrays.draws]))
    images = np.bincount(truth[tested], minlength=len(arrays.classes)).tolist()
    single = [name for name, count in zip(arrays.classes, images, strict=True) if count == 1]
    absent = [name for name, count in zip(arrays.classes, images, strict=True) if count == 0]
    words = []
    if single:
        words.append(f"{_named(single)} one test image: recall there is all or nothing.")
    if absent:
        words.append(f"{_named(absent)} no test image; they are answers that are always wrong.")
    return tuple(words)


def _named(names: Sequence[str]) -> str:
    """``3 classes (a, b, c) have``."""
    shown = first_names(names)
    return f"1 class ({shown}) has" if len(names) == 1 else f"{len(names)} classes ({shown}) have"
