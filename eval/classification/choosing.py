"""From arms to answers: score an arm's candidates, choose one of them on val, calibrate it, answer the test samples."""

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
from eval.seams.scorer import Arm, Setting, Task
from eval.statistics.class_figures import quick_metrics
from eval.statistics.class_sums import MetricRule
from retrieval.errors import InputError, TestDataError
from retrieval.types import Float32, Int64

TIE_BREAK: Mapping[Criterion, str] = {
    "top_1": "macro_f1", "top_5": "top_1", "balanced_accuracy": "top_1", "macro_f1": "top_1", "nll": "top_1",
}  # fmt: skip
"""What decides between settings that are equal by a criterion; then the first one is taken."""


class ArmDraw(NamedTuple):
    """An arm in one draw: its setting, and the logits, calibrated where asked, of val and test: (n, C) float32.

    ``chosen``: whether the setting was chosen on val, among several.
    """

    setting: Setting
    val: Float32
    test: Float32
    calibration: Calibration | None
    chosen: bool = False


class Sweep:
    """Metrics of candidate settings, gathered over draws; those on test are sealed."""

    def __init__(self, role: str, arm: str | None = None) -> None:
        self._role, self._arm = role, arm
        self._settings: list[dict[str, str | int | float | None]] = []
        self._metrics: list[list[Metrics]] = []
        self._chosen: list[int] = []
        self._draws = 0

    def add(self, settings: Sequence[Setting], metrics: Sequence[Metrics], chosen: int | None) -> None:
        """Take the metrics of one draw, and which setting was chosen there."""
        self._draws += 1
        for at, (setting, counted) in enumerate(zip(settings, metrics, strict=True)):
            plain = dict(setting)
            if plain not in self._settings:
                self._settings.append(plain)
                self._metrics.append([])
                self._chosen.append(0)
            place = self._settings.index(plain)
            self._metrics[place].append(counted)
            self._chosen[place] += at == chosen

    def settings(self) -> tuple[SettingMetrics, ...]:
        """All settings, in the order they were first seen."""
        return tuple(
            SettingMetrics(setting, self._role, tuple(metrics), chosen / self._draws, self._arm)
            for setting, metrics, chosen in zip(self._settings, self._metrics, self._chosen, strict=True)
        )


def metric_rule(config: ClassConfig) -> MetricRule:
    """The definitions of an evaluation's metrics."""
    return MetricRule(tuple(sorted(set(config.tops))), config.macro_over, config.bins)


def choosing_rule(config: ClassConfig) -> MetricRule:
    """The same with what a criterion may need, whatever is reported."""
    return metric_rule(config)._replace(tops=tuple(sorted({1, 5, *config.tops})))


def best_of(metrics: Sequence[Mapping[str, float]], criterion: Criterion) -> int:
    """The place of the best metrics: highest by the criterion (lowest for nll), then by its tie-break, then first."""
    keys = [(-each["nll"] if criterion == "nll" else each[criterion], each[TIE_BREAK[criterion]]) for each in metrics]
    return max(range(len(keys)), key=lambda at: (*keys[at], -at))


def arm_logits(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, settings: Sequence[Setting],
    config: ClassConfig,
) -> Iterator[Float32]:  # fmt: skip
    """Logits (rows, C) of an arm under each setting, its views combined as the options say.

    Classes that are not possible for a sample get -inf. Averaged probabilities come back as their logarithms.
    """
    for logits in _all_logits(arm, arrays, draw, rows, train, settings, config):
        yield restricted_logits(logits, draw, rows)


def _all_logits(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, settings: Sequence[Setting],
    config: ClassConfig,
) -> Iterator[Float32]:  # fmt: skip
    """Logits of all classes, possible or not."""
    scorer = arm.scorer
    if config.tta == "vectors" or len(config.views) == 1:
        yield from scorer.logits(arm, _task(arm, arrays, draw, rows, train, config.views), settings)
        return
    views = [scorer.logits(arm, _task(arm, arrays, draw, rows, train, (view,)), settings) for view in config.views]
    for each in zip(*views, strict=True):
        mean = np.mean([softmax(logits) for logits in each], axis=0)
        with np.errstate(divide="ignore"):
            yield np.log(mean).astype(np.float32)


def _task(arm: Arm, arrays: ClassArrays, draw: ClassDraw, rows: Int64, train: Int64, views: Sequence[str]) -> Task:
    queries, norms = _combined(arm, rows, views)
    learnt = _combined(arm, train, views)[0] if len(train) else np.empty((0, queries.shape[1]), np.float32)
    return Task(queries, norms, learnt, draw.labels[train], len(arrays.classes), arrays.index)


def _combined(arm: Arm, rows: Int64, views: Sequence[str]) -> tuple[Float32, Float32 | None]:
    """Unit vectors of some rows and their norms: of several views the normalised sum.

    Where norms are known, features are averaged as the encoder made them, which is what a classifier layer expects.
    """
    if not arm.norms:
        return combine_views([arm.vectors[view][rows] for view in views]), None
    if len(views) == 1:
        return arm.vectors[views[0]][rows], arm.norms[views[0]][rows]
    mean = np.mean([arm.vectors[view][rows] * arm.norms[view][rows, None] for view in views], axis=0)
    norms = np.linalg.norm(mean, axis=1)
    return (mean / np.maximum(norms, np.finfo(np.float32).tiny)[:, None]).astype(np.float32), norms.astype(np.float32)


def train_rows(arm: Arm, draw: ClassDraw) -> Int64:
    """Train samples of known labels for arms that learn, none for others.

    Raises:
        InputError: the arm learns and there are none.
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
    """The val rows of a draw.

    Raises:
        TestDataError: there are none, and ``what`` would have to be chosen; ``otherwise`` is how to do without.
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
    """Answer one draw with one arm: the setting that is best on val, calibrated there where asked.

    With ``choose=none`` the first setting answers, and the sweep holds all of them on test.

    Args:
        arm: the arm.
        arrays: all arrays.
        draw: the rows of its roles.
        train: rows to learn from.
        config: of the mode.
        sweep: takes the metrics of all settings, if there are several.
        with_val: whether the logits of val are wanted, though there be nothing to choose.

    Raises:
        TestDataError: there is something to choose or to fit, and no val.
    """
    settings = arm.scorer.settings(arm)
    several = len(settings) > 1
    at = 0
    val: Float32 | None = None
    test: Float32 | None = None
    if several and config.choose == "none":
        at, val, test = _side_by_side(arm, arrays, draw, train, config, sweep, settings)
    elif several:
        at, val, test = _chosen(arm, arrays, draw, train, config, sweep, settings)
    if val is None and (with_val or config.calibrate):
        if config.calibrate:
            require_val(draw, "A temperature", "or leave `calibrate` out")
        require_val(draw, "A weight")
        val, again = _both(arm, arrays, draw, train, config, settings[at])
        test = again if test is None else test
    if test is None:
        test = next(arm_logits(arm, arrays, draw, draw.test, train, settings[at : at + 1], config))
    fitted = None
    if config.calibrate and val is not None:
        fitted = fit_temperature(val, draw.labels[draw.val])
        val, test = ((logits / fitted.temperature).astype(np.float32) for logits in (val, test))
    nothing = np.empty((0, len(arrays.classes)), np.float32)
    return ArmDraw(settings[at], nothing if val is None else val, test, fitted, several and config.choose == "val")


def _side_by_side(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, sweep: Sweep,
    settings: Sequence[Setting],
) -> tuple[int, None, Float32]:  # fmt: skip
    """The first setting's logits on test, and the metrics of all there."""
    rule = choosing_rule(config)
    metrics, first = [], None
    for logits in arm_logits(arm, arrays, draw, draw.test, train, settings, config):
        metrics.append(arrays.examiner.metrics(draw.test, logits, rule))
        first = logits if first is None else first
    sweep.add(settings, metrics, None)
    assert first is not None  # noqa: S101 - settings are never empty
    return 0, None, first


def _chosen(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, sweep: Sweep,
    settings: Sequence[Setting],
) -> tuple[int, Float32, Float32 | None]:  # fmt: skip
    """The place of the best setting on val, its logits there, and on test where both are scored at once.

    Scorers that learn are fitted once for val and test; the others score test with the one setting that is taken.
    """
    rows = require_val(draw, f"One of {len(settings)} settings of {arm.name}")
    labels, rule = draw.labels[rows], choosing_rule(config)
    together = np.concatenate([rows, draw.test]) if arm.scorer.learns else rows
    metrics: list[dict[str, float]] = []
    best, kept = -1, None
    for place, logits in enumerate(arm_logits(arm, arrays, draw, together, train, settings, config)):
        metrics.append(quick_metrics(logits[: len(rows)], labels, rule))
        if best_of(metrics, config.criterion) == place:
            best, kept = place, logits
    sweep.add(settings, metrics, best)
    assert kept is not None  # noqa: S101 - settings are never empty
    return best, kept[: len(rows)], kept[len(rows) :] if len(together) > len(rows) else None


def _both(
    arm: Arm, arrays: ClassArrays, draw: ClassDraw, train: Int64, config: ClassConfig, setting: Setting
) -> tuple[Float32, Float32]:
    """Logits of val and of test under one setting, scored at once."""
    rows = np.concatenate([draw.val, draw.test])
    found = next(arm_logits(arm, arrays, draw, rows, train, [setting], config))
    return found[: len(draw.val)], found[len(draw.val) :]


def answer_of(rows: Int64, logits: Float32) -> Answer:
    """Class probabilities of rows."""
    return Answer(rows, softmax(logits), logits)


def arm_solution(draws: Sequence[Sequence[ArmDraw]], tested: Sequence[Int64], config: ClassConfig) -> ArmSolution:
    """What an arm answers by itself, from its draws (and seeds) and the test rows of each draw."""
    on_val = any(each.chosen for seeds in draws for each in seeds)
    chosen = Choice(
        settings=tuple(dict(seeds[0].setting) for seeds in draws),
        criterion=config.criterion if on_val else None,
        on="val" if on_val else None,
    )
    answers = tuple(
        tuple(answer_of(rows, each.test) for each in seeds) for seeds, rows in zip(draws, tested, strict=True)
    )
    return ArmSolution(answers, chosen, mean_calibration([each.calibration for seeds in draws for each in seeds]))


def mean_calibration(fitted: Sequence[Calibration | None]) -> CalibrationResult | None:
    """Means over draws; the temperature is the geometric mean, for it multiplies. None where none was fitted."""
    there = [each for each in fitted if each is not None]
    if not there:
        return None
    return CalibrationResult(
        temperature=float(np.exp(np.mean([np.log(each.temperature) for each in there]))),
        nll_before=float(np.mean([each.nll_before for each in there])),
        nll_after=float(np.mean([each.nll_after for each in there])),
        ece_before=float(np.mean([each.ece_before for each in there])),
        ece_after=float(np.mean([each.ece_after for each in there])),
    )


def calibration_warnings(name: str, fitted: Sequence[Calibration | None]) -> tuple[str, ...]:
    """Say so where a temperature of arm ``name`` is only the end of the range, or val samples had no say in it."""
    there = [each for each in fitted if each is not None]
    words = []
    at_end = next((each for each in there if each.at_bound), None)
    if at_end is not None:
        words.append(
            f"The temperature of arm {name} is the end of the range searched, {at_end.temperature:.3g}: its answers to "
            "val are all right, or nearly as good as guessed; use more val samples, or leave `calibrate` out."
        )
    left_out = max((each.left_out for each in there), default=0)
    if left_out:
        words.append(
            f"{left_out} val samples are of classes that arm {name} cannot answer; its temperature is without."
        )
    return tuple(words)
