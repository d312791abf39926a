"""Scoring of an arm: try its settings, choose one on val, calibrate it, and answer the test samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eval.classification.candidates import restricted_logits
from eval.metrics.calibration import Calibration, fit_temperature
from eval.metrics.probabilities import softmax
from eval.results.schema import CalibrationResult, Choice
from eval.scorers.similarity import combine_views
from eval.seams.classification import (
    Answer,
    ArmSolution,
    ClassArrays,
    ClassConfig,
    ClassDraw,
    Criterion,
    Metrics,
    SettingMetrics,
)
from eval.seams.scorer import Arm, ScorerTask, Setting
from eval.statistics.class_summary import metrics_of_logits
from eval.statistics.class_sums import MetricRule
from retrieval.errors import InputError, TestDataError
from retrieval.types import Float32, Int64


class ArmDraw(NamedTuple):
    """An arm in one draw: its setting and its logits ``val`` and ``test``, (n, C) float32 of the rows of those roles.

    ``val`` is empty (0, C) if not computed; ``calibration`` is the temperature that both are divided by already, or
    None; ``chosen``: whether the setting was chosen on val among several.
    """

    setting: Setting
    val: Float32
    test: Float32
    calibration: Calibration | None
    chosen: bool = False


class Sweep:
    """Collects the metrics of settings over draws; those on test are sealed.

    Args:
        role: ``val`` or ``test``, the samples that the metrics are of.
        arm: name of the arm that the settings belong to; None is all arms together.
    """

    def __init__(self, role: str, arm: str | None = None) -> None:
        self._role, self._arm = role, arm
        self._settings: list[dict[str, str | int | float | None]] = []
        self._metrics: list[list[Metrics]] = []
        self._chosen: list[int] = []
        self._draws = 0

    def add(self, settings: Sequence[Setting], metrics: Sequence[Metrics], chosen: int | None) -> None:
        """Add the metrics of one draw, one per setting, and the index of the setting chosen in it, if any."""
        self._draws += 1
        for index, (setting, values) in enumerate(zip(settings, metrics, strict=True)):
            plain = dict(setting)
            if plain not in self._settings:
                self._settings.append(plain)
                self._metrics.append([])
                self._chosen.append(0)
            entry = self._settings.index(plain)
            self._metrics[entry].append(values)
            self._chosen[entry] += index == chosen

    def settings(self) -> tuple[SettingMetrics, ...]:
        """Return all settings with their metrics, in the order they were first added."""
        return tuple(
            SettingMetrics(setting, self._role, tuple(metrics), chosen / self._draws, self._arm)
            for setting, metrics, chosen in zip(self._settings, self._metrics, self._chosen, strict=True)
        )


def metric_rule(config: ClassConfig) -> MetricRule:
    """Return the definitions of the metrics that the options ask for."""
    return MetricRule(tuple(sorted(set(config.tops))), config.macro_over, config.bins)


def choosing_rule(config: ClassConfig) -> MetricRule:
    """Return :func:`metric_rule` with top-1 and top-5, which a criterion may need, always included."""
    return metric_rule(config)._replace(tops=tuple(sorted({1, 5, *config.tops})))


def best_index(
    metrics: Sequence[Mapping[str, float]], config: ClassConfig, distances: Sequence[float] | None = None
) -> int:
    """Return the index of the best metrics: by ``criterion``, then ``tie_break``, then ``distances``, then the first.

    Args:
        metrics: the metrics of every setting on val.
        config: the options.
        distances: of the weights of every setting from equal weights, used unless ``tie_break`` is macro_f1; None for
            settings without weights.
    """
    if distances is None or config.tie_break != "nll":
        distances = [0.0] * len(metrics)
    keys = [
        (_height(values, config.criterion), _height(values, config.tie_break), -round(distance, 9), -index)
        for index, (values, distance) in enumerate(zip(metrics, distances, strict=True))
    ]
    return max(range(len(keys)), key=keys.__getitem__)


def _height(values: Mapping[str, float], name: Criterion) -> float:
    """A metric that is the larger the better."""
    return -values[name] if name == "nll" else values[name]


def arm_logits(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, settings: Sequence[Setting],
    config: ClassConfig,
) -> Iterator[Float32]:  # fmt: skip
    """Yield the logits (rows, C) of an arm under each setting, its views combined as ``config.tta`` says.

    Classes that are impossible for a sample get -inf. With ``tta=probabilities`` and several views, the logits are the
    logarithms of the averaged class probabilities.
    """
    for logits in _all_logits(arm, arrays, draw, rows, train, settings, config):
        yield restricted_logits(logits, draw, rows)


def _all_logits(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, settings: Sequence[Setting],
    config: ClassConfig,
) -> Iterator[Float32]:  # fmt: skip
    """Yield the logits of all classes, possible or not."""
    scorer = arm.scorer
    if config.tta == "vectors" or len(config.views) == 1:
        yield from scorer.logits(arm, _task(arm, arrays, draw, rows, train, config.views), settings)
        return
    views = [scorer.logits(arm, _task(arm, arrays, draw, rows, train, (view,)), settings) for view in config.views]
    for view_logits in zip(*views, strict=True):
        mean = np.mean([softmax(logits) for logits in view_logits], axis=0)
        with np.errstate(divide="ignore"):
            yield np.log(mean).astype(np.float32)


def _task(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, views: Sequence[str]
) -> ScorerTask:
    queries, norms = _combined(arm, rows, views)
    labels, classes = draw.labels[train], len(arrays.classes)
    if len(views) == 1 and len(train):
        return ScorerTask(queries, norms, arm.vectors[views[0]], labels, classes, arrays.index, train, rows)
    vectors = _combined(arm, train, views)[0] if len(train) else np.empty((0, queries.shape[1]), np.float32)
    return ScorerTask(queries, norms, vectors, labels, classes, arrays.index, None, rows)


def _combined(arm: Arm, rows: Int64, views: Sequence[str]) -> tuple[Float32, Float32 | None]:
    """Return the unit vectors (rows, d) of the views combined, and their norms (rows,), None where unknown.

    Without norms the unit vectors are summed and normalised. With norms the features are averaged as the encoder made
    them, which is what a classifier layer expects.
    """
    if not arm.norms:
        return combine_views([arm.vectors[view][rows] for view in views]), None
    if len(views) == 1:
        return arm.vectors[views[0]][rows], arm.norms[views[0]][rows]
    mean = np.mean([arm.vectors[view][rows] * arm.norms[view][rows, None] for view in views], axis=0)
    norms = np.linalg.norm(mean, axis=1)
    return (mean / np.maximum(norms, np.finfo(np.float32).tiny)[:, None]).astype(np.float32), norms.astype(np.float32)


def train_rows(arm: Arm, draw: ClassDraw) -> Int64:
    """Return the labelled train rows (t,) of an arm that learns; none for other arms.

    Raises:
        InputError: the arm learns, and no train sample has a label.
    """
    if not arm.scorer.learns:
        return np.empty(0, np.int64)
    train = draw.train[draw.labels[draw.train] >= 0]
    if not len(train):
        raise InputError(
            f"Scorer {arm.scorer.name} learns from train samples and there are none; give samples a split when they "
            "are indexed, or draw one with `protocol=holdout`."
        )
    return train


def require_val(
    draw: ClassDraw, what: str, otherwise: str = "a single value, or `choose=none` to see all side by side"
) -> Int64:
    """Return the val rows (v,) of a draw.

    Args:
        draw: the draw.
        what: what is to be chosen on val, the subject of the error message.
        otherwise: how to do without val, the end of the error message.

    Raises:
        TestDataError: there are no val samples.
    """
    if not len(draw.val):
        raise TestDataError(
            f"{what} would have to be chosen, and there are no val samples to choose on; pass `val_from=train:0.1`, "
            f"{otherwise}."
        )
    return draw.val


def solve_arm(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, sweep: Sweep, *,
    with_val: bool = False,
) -> ArmDraw:  # fmt: skip
    """Answer one draw with one arm: choose its best setting on val, and calibrate it there if ``config.calibrate``.

    With ``choose=none`` the first setting answers, and the sweep gets the metrics of all settings on test.

    Args:
        arm: the arm.
        arrays: the arrays of the mode.
        draw: the draw.
        train: (t,) rows to learn from.
        config: options of the mode.
        sweep: gets the metrics of all settings, if there are several.
        with_val: whether to compute the logits of val even if nothing is chosen or calibrated there.

    Raises:
        TestDataError: a setting, a temperature or a weight is to be determined on val, and there are no val samples.
    """
    settings = arm.scorer.settings(arm)
    several = len(settings) > 1
    best = 0
    val: Float32 | None = None
    test: Float32 | None = None
    if several and config.choose == "none":
        test = _side_by_side(arm, arrays, draw, train, config, sweep, settings)
    elif several:
        best, val, test = _best_on_val(arm, arrays, draw, train, config, sweep, settings)
    if val is None and (with_val or config.calibrate):
        if config.calibrate:
            require_val(draw, "A temperature", "or leave `calibrate` out")
        require_val(draw, "A weight")
        val, both_test = _val_and_test(arm, arrays, draw, train, config, settings[best])
        test = both_test if test is None else test
    if test is None:
        test = next(arm_logits(arm, arrays, draw, draw.test, train, settings[best : best + 1], config))
    calibration = None
    if config.calibrate and val is not None:
        calibration = fit_temperature(val, draw.labels[draw.val])
        val, test = ((logits / calibration.temperature).astype(np.float32) for logits in (val, test))
    if val is None:
        val = np.empty((0, len(arrays.classes)), np.float32)
    return ArmDraw(settings[best], val, test, calibration, several and config.choose == "val")


def _side_by_side(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, sweep: Sweep,
    settings: Sequence[Setting],
) -> Float32:  # fmt: skip
    """Return the first setting's logits on test, and add the metrics of all settings there to the sweep."""
    rule = choosing_rule(config)
    metrics, first = [], None
    for logits in arm_logits(arm, arrays, draw, draw.test, train, settings, config):
        metrics.append(arrays.examiner.metrics(draw.test, logits, rule))
        first = logits if first is None else first
    sweep.add(settings, metrics, None)
    assert first is not None  # noqa: S101 - settings are never empty
    return first


def _best_on_val(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, sweep: Sweep,
    settings: Sequence[Setting],
) -> tuple[int, Float32, Float32 | None]:  # fmt: skip
    """Choose the best setting on val.

    Scorers that learn score val and test together, so that each setting is fitted once; others score val only.

    Returns:
        Index of the setting, its logits on val, and those on test, None if not computed.
    """
    rows = require_val(draw, f"One of {len(settings)} settings of {arm.name}")
    labels, rule = draw.labels[rows], choosing_rule(config)
    together = np.concatenate([rows, draw.test]) if arm.scorer.learns else rows
    metrics: list[dict[str, float]] = []
    best, best_logits = -1, None
    for index, logits in enumerate(arm_logits(arm, arrays, draw, together, train, settings, config)):
        metrics.append(metrics_of_logits(logits[: len(rows)], labels, rule))
        if best_index(metrics, config) == index:
            best, best_logits = index, logits
    sweep.add(settings, metrics, best)
    assert best_logits is not None  # noqa: S101 - settings are never empty
    test = best_logits[len(rows) :] if len(together) > len(rows) else None
    return best, best_logits[: len(rows)], test


def _val_and_test(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, setting: Setting
) -> tuple[Float32, Float32]:
    """Return the logits of val and of test under one setting, scored together."""
    rows = np.concatenate([draw.val, draw.test])
    logits = next(arm_logits(arm, arrays, draw, rows, train, [setting], config))
    return logits[: len(draw.val)], logits[len(draw.val) :]


def without_val(arm_draw: ArmDraw) -> ArmDraw:
    """Drop the logits of val, so that their memory is freed."""
    return arm_draw._replace(val=arm_draw.val[:0].copy())


def answer_of(rows: Int64, logits: Float32) -> Answer:
    """Make the answer for ``rows`` (n,) from their logits (n, C)."""
    return Answer(rows, softmax(logits), logits)


def arm_solution(draws: Sequence[Sequence[ArmDraw]], tested: Sequence[Int64], config: ClassConfig) -> ArmSolution:
    """Collect the answers of one arm.

    Args:
        draws: per draw, per seed of the shots.
        tested: per draw the test rows.
        config: options of the mode.
    """
    on_val = any(arm_draw.chosen for seeds in draws for arm_draw in seeds)
    chosen = Choice(
        settings=tuple(dict(seeds[0].setting) for seeds in draws),
        criterion=config.criterion if on_val else None,
        on="val" if on_val else None,
    )
    answers = tuple(
        tuple(answer_of(rows, arm_draw.test) for arm_draw in seeds) for seeds, rows in zip(draws, tested, strict=True)
    )
    calibrations = [arm_draw.calibration for seeds in draws for arm_draw in seeds]
    return ArmSolution(answers, chosen, mean_calibration(calibrations))


def mean_calibration(calibrations: Sequence[Calibration | None]) -> CalibrationResult | None:
    """Average calibrations over draws: geometric mean of temperatures, mean of the rest. None without calibrations."""
    fits = [calibration for calibration in calibrations if calibration is not None]
    if not fits:
        return None
    return CalibrationResult(
        temperature=float(np.exp(np.mean([np.log(fit.temperature) for fit in fits]))),
        nll_before=float(np.mean([fit.nll_before for fit in fits])),
        nll_after=float(np.mean([fit.nll_after for fit in fits])),
        ece_before=float(np.mean([fit.ece_before for fit in fits])),
        ece_after=float(np.mean([fit.ece_after for fit in fits])),
    )


def calibration_warnings(name: str, calibrations: Sequence[Calibration | None]) -> tuple[str, ...]:
    """Warn if a temperature of arm ``name`` is an end of the range searched, or if val samples were left out of it."""
    fits = [calibration for calibration in calibrations if calibration is not None]
    words = []
    at_end = next((fit for fit in fits if fit.at_bound), None)
    if at_end is not None:
        words.append(
            f"The temperature of arm {name} is the end of the range searched, {at_end.temperature:.3g}: its answers on "
            "val are all right, or hardly better than chance; use more val samples, or leave `calibrate` out."
        )
    left_out = max((fit.left_out for fit in fits), default=0)
    if left_out:
        words.append(
            f"{left_out} val samples are of classes that arm {name} cannot answer; its temperature is fitted without "
            "them."
        )
    return tuple(words)
