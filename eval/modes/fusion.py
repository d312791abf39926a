"""Mode ``fusion``: class probabilities or vectors of several arms are fused into one answer, with weights from val."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from eval.classification.candidates import restricted_probs
from eval.classification.caveats import few_neighbours
from eval.classification.choosing import (
    ArmDraw,
    Sweep,
    arm_solution,
    best_index,
    calibration_warnings,
    choosing_rule,
    require_val,
    solve_arm,
    train_rows,
    without_val,
)
from eval.classification.figures import resampled
from eval.classification.fusion_methods import (
    FusionOptions,
    Mixture,
    features_arm,
    from_equal_weights,
    is_fitted,
    mixture_metrics,
    mixtures,
    require_used,
    uniform_warnings,
    weight_settings,
)
from eval.classification.shots import (
    DrawShots,
    ShotOptions,
    draw_shots,
    scarcer,
    setting_tables,
    shortage_warnings,
    untrained_warnings,
)
from eval.metrics.probabilities import softmax
from eval.results.schema import Choice, TaskName
from eval.seams.classification import Answer, Metrics, Sealed, Solution, on_val
from eval.seams.options import Tops
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from eval.metrics.calibration import Calibration
    from eval.seams.classification import ArmSolution, ClassArrays, ClassDraw, SettingMetrics, SettingTables
    from eval.seams.scorer import Arm, Setting


class FusionConfig(FusionOptions, ShotOptions):
    """Options of ``fusion``.

    Mixtures that are fitted on val are scored there out of fold. With ``choose=none`` the first weights and the largest
    number of shots answer.
    """

    shots: Tops | None = Field(
        default=None,
        description="Numbers of train samples per class from which arms learn; of several, one is chosen on val with "
        "the weights. Without it, all train samples.",
    )


class FusedDraw(NamedTuple):
    """The fused answer of one draw, number of shots and seed.

    ``arms``: every arm alone; ``settings`` compared and their ``metrics`` (empty if there is one setting);
    ``best``: index of the setting used; ``setting``: that setting and the values fitted for it;
    ``calibration`` of the joined vectors, or None.
    """

    arms: tuple[ArmDraw, ...]
    settings: Sequence[Setting]
    metrics: Sequence[Metrics]
    best: int
    setting: Setting
    answer: Answer
    calibration: Calibration | None


class _ChosenSetting(NamedTuple):
    """The settings compared with their metrics, the index of the best, and its class probabilities ``test`` (n, C)."""

    settings: Sequence[Setting]
    metrics: Sequence[Metrics]
    best: int
    fitted: Setting
    test: Float32
    calibration: Calibration | None = None


@dataclass(slots=True)
class _FusionRun:
    """The input of one run of the mode, and what is collected over its draws.

    ``several``: whether there are several settings or numbers of shots; ``fitted``: whether the method is fitted on
    val; ``sweep`` and ``arm_sweeps`` (by arm and number of shots) collect metrics of settings; ``tested`` and
    ``settings`` collect, per number of shots, the counted answers and the settings used; ``scarcest`` the shots that
    lack most; ``learnt`` the smallest number of samples that each arm learns from; ``warnings`` are keys, each once.
    """

    arrays: ClassArrays
    config: FusionConfig
    seed: np.random.SeedSequence
    several: bool
    fitted: bool
    sweep: Sweep
    arm_sweeps: dict[tuple[str, int | None], Sweep] = field(default_factory=dict)
    tested: dict[int, list[list[Sealed[Any]]]] = field(default_factory=dict)
    settings: dict[int, list[Setting]] = field(default_factory=dict)
    scarcest: dict[int, DrawShots] = field(default_factory=dict)
    learnt: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    @property
    def chooses(self) -> bool:
        """Whether a setting is chosen on val."""
        return self.several and self.config.choose == "val"

    @property
    def criterion(self) -> str | None:
        """Criterion by which val decides; None if it does not. A stacker with nothing to choose is fitted by nll."""
        if self.fitted and not self.chooses and self.config.method == "stacker":
            return "nll"
        return self.config.criterion if self.chooses or self.fitted else None

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """Numbers of shots in ascending order; None is the whole train split."""
        return tuple(sorted(set(self.config.shots))) if self.config.shots else (None,)


class Fusion:
    """The mode ``fusion``."""

    name = "fusion"
    task: TaskName = "classification"
    learns = False
    config_type = FusionConfig

    def arm_scorers(self, config: FusionConfig) -> tuple[str, ...]:  # noqa: ARG002 - the interface has it
        """Return no scorers: the user names the arms."""
        return ()

    def other_scorers(self, config: FusionConfig) -> tuple[str, ...]:
        """Return the scorer that learns from joined vectors, if the method is ``features``."""
        return (config.feature_scorer,) if config.method == "features" else ()

    def solve(self, arrays: ClassArrays, config: FusionConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw.

        Raises:
            InputError: an arm cannot be scored, or the method does not take these arms or options.
            TestDataError: there are no val samples to choose or fit weights on.
        """
        require_used(config)
        learns = config.method == "features" or any(arm.scorer.learns for arm in arrays.arms)
        if config.shots and not learns:
            raise InputError("`shots` is for arms that learn from train (prototype, knn, tip, linear); none does.")
        run = _fusion_run(arrays, config, seed)
        fused = [_answer_draw(run, draw) for draw in arrays.draws]
        chosen = Choice(
            settings=tuple(_typical_setting([draw.setting for draw in seeds]) for seeds in fused),
            criterion=run.criterion,
            on=None if run.criterion is None else "val",
        )
        return Solution(
            tuple(tuple(draw.answer for draw in seeds) for seeds in fused),
            _sweep_entries(run),
            chosen,
            _arm_solutions(arrays, fused, config),
            (*run.warnings, *_untrained(arrays, config, learns=learns), *_calibration_warnings(arrays, fused),
             *shortage_warnings(run.scarcest, len(arrays.classes)), *few_neighbours(arrays.arms, run.learnt)),
        )  # fmt: skip


MODE = Fusion()


def _fusion_run(arrays: ClassArrays, config: FusionConfig, seed: np.random.SeedSequence) -> _FusionRun:
    """Determine whether there is something to choose or to fit, and start the run."""
    names = [arm.name for arm in arrays.arms]
    fitted = is_fitted(config, arrays.classes)
    if config.method == "features":
        n_settings = len(weight_settings(config, names))
    else:
        n_settings = 1 if fitted else len(mixtures(config, names, (), np.empty(0, np.int64), arrays.classes))
    several = n_settings > 1 or len(set(config.shots or ())) > 1
    return _FusionRun(arrays, config, seed, several, fitted, Sweep("val" if config.choose == "val" else "test"))


def _answer_draw(run: _FusionRun, draw: ClassDraw) -> list[FusedDraw]:
    """Answer one draw with the number of shots that is best on val, all its seeds."""
    if run.chooses or run.fitted:
        require_val(draw, "The weights of the arms")
    fixed: dict[str, ArmDraw] = {}
    best: list[FusedDraw] = []
    best_at = 0
    swept: list[list[FusedDraw]] = []
    means: list[dict[str, float]] = []
    for at, shots in enumerate(run.numbers):
        repeats = run.config.repeats if shots else 1
        seeds = [_fuse(run, draw, fixed, shots, repeat) for repeat in range(repeats)]
        if shots and len(run.numbers) > 1 and run.chooses:
            _count_on_test(run, shots, seeds)
        swept.append([fused._replace(arms=(), answer=_NO_ANSWER) for fused in seeds])
        if run.chooses:
            metrics = [on_val(fused.metrics[fused.best]) for fused in seeds]
            means.append({name: float(np.mean([values[name] for values in metrics])) for name in metrics[0]})
        if not run.chooses or best_index(means, run.config) == at:
            best, best_at = seeds, at
    if run.several:
        _add_to_sweep(run, swept, best_at)
    return best


_NO_ANSWER = Answer(np.empty(0, np.int64), np.empty((0, 0), np.float32))


def _count_on_test(run: _FusionRun, shots: int, seeds: Sequence[FusedDraw]) -> None:
    """Count the answers with a number of shots on test, to report them beside those of the other numbers."""
    by = resampled(run.arrays, run.config)
    run.tested.setdefault(shots, []).append([run.arrays.examiner.table(fused.answer, by) for fused in seeds])
    run.settings.setdefault(shots, []).extend(fused.setting for fused in seeds)


def _add_to_sweep(run: _FusionRun, swept: Sequence[Sequence[FusedDraw]], best_at: int) -> None:
    """Add the metrics of all settings of a draw to the sweep, seed by seed.

    ``swept`` are per number of shots, per seed; ``best_at`` is the index of the number of shots that was chosen.
    """
    for seeds in zip(*swept, strict=True):
        settings = [setting for fused in seeds for setting in fused.settings]
        metrics = [values for fused in seeds for values in fused.metrics]
        before = sum(len(fused.settings) for fused in seeds[:best_at])
        run.sweep.add(settings, metrics, before + seeds[best_at].best if run.chooses else None)


def _fuse(run: _FusionRun, draw: ClassDraw, fixed: dict[str, ArmDraw], shots: int | None, repeat: int) -> FusedDraw:
    """Answer with every arm, then fuse; ``fixed`` caches arms that do not learn, which answer once per draw."""
    arms = []
    for arm in run.arrays.arms:
        if arm.name in fixed:
            arms.append(fixed[arm.name])
            continue
        arms.append(_answer_arm(run, arm, draw, shots, repeat))
        if not arm.scorer.learns:
            fixed[arm.name] = arms[-1]
    chosen = _joined(run, draw, shots, repeat) if run.config.method == "features" else _mixed(run, draw, arms)
    with_shots: Setting = {} if shots is None else {"shots": shots}
    settings = [{**setting, **with_shots} for setting in chosen.settings]
    return FusedDraw(
        arms=tuple(without_val(arm_draw) for arm_draw in arms),
        settings=settings,
        metrics=chosen.metrics,
        best=chosen.best,
        setting={**settings[chosen.best], **chosen.fitted},
        answer=Answer(draw.test, chosen.test),
        calibration=chosen.calibration,
    )


def _answer_arm(run: _FusionRun, arm: Arm, draw: ClassDraw, shots: int | None, repeat: int) -> ArmDraw:
    """Answer with one arm; val is scored too if the mixture is chosen or fitted there."""
    arm_shots = shots if arm.scorer.learns else None
    role = "val" if run.config.choose == "val" else "test"
    sweep = run.arm_sweeps.setdefault((arm.name, arm_shots), Sweep(role, arm.name))
    with_val = run.fitted or (run.chooses and run.config.method != "features")
    train = _train(run, arm, draw, shots, repeat)
    return solve_arm(arm, run.arrays, draw, train, run.config, sweep, with_val=with_val)


def _train(run: _FusionRun, arm: Arm, draw: ClassDraw, shots: int | None, repeat: int) -> Int64:
    """Return the rows (t,) that an arm learns from: its shots, or the whole train split."""
    train = train_rows(arm, draw)
    if shots and len(train):
        drawn = draw_shots(run.arrays, draw, train, shots, run.config, run.seed, repeat)
        run.scarcest[shots] = scarcer(drawn, run.scarcest.get(shots, drawn))
        train = drawn.rows
    if arm.scorer.learns:
        run.learnt[arm.name] = min(len(train), run.learnt.get(arm.name, len(train)))
    return train


def _mixed(run: _FusionRun, draw: ClassDraw, arms: Sequence[ArmDraw]) -> _ChosenSetting:
    """Mix the class probabilities of the arms by the mixture that is best on val."""
    config, labels = run.config, draw.labels
    names = [arm.name for arm in run.arrays.arms]
    test = [softmax(arm.test) for arm in arms]
    scored = run.chooses or run.fitted
    val = [softmax(arm.val) for arm in arms] if scored else []
    compared = mixtures(config, names, val, labels[draw.val], run.arrays.classes, out_of_fold=run.chooses)
    metrics: Sequence[Metrics] = ()
    best = 0
    if run.chooses:
        val_probs = [restricted_probs(_on_val(mixture, val), draw, draw.val) for mixture in compared]
        val_metrics = [mixture_metrics(mixed, labels[draw.val], config) for mixed in val_probs]
        metrics, best = val_metrics, best_index(val_metrics, config, [mixture.distance for mixture in compared])
    elif run.several:
        metrics = [
            _sealed_metrics(run, draw, restricted_probs(mixture.mix(test), draw, draw.test)) for mixture in compared
        ]
    for warning in (*uniform_warnings(names, test), *compared[best].warnings):
        run.warnings.setdefault(warning)
    mixed = restricted_probs(compared[best].mix(test), draw, draw.test)
    return _ChosenSetting([mixture.setting for mixture in compared], metrics, best, compared[best].fitted, mixed)


def _sealed_metrics(run: _FusionRun, draw: ClassDraw, probs: Float32) -> Metrics:
    """Return the sealed metrics of class probabilities (n, C) on test."""
    with np.errstate(divide="ignore"):
        return run.arrays.examiner.metrics(draw.test, np.log(probs), choosing_rule(run.config))


def _on_val(mixture: Mixture, val: Sequence[Float32]) -> Float32:
    """Return class probabilities (n, C) of val, out of fold if the mixture is fitted there, to avoid bias."""
    return mixture.mix(val) if mixture.out_of_fold is None else mixture.out_of_fold


def _joined(run: _FusionRun, draw: ClassDraw, shots: int | None, repeat: int) -> _ChosenSetting:
    """Learn from the joined vectors of all arms, with the weights that are best on val."""
    config, arrays = run.config, run.arrays
    settings: list[Setting] = []
    val_metrics: list[dict[str, float]] = []
    test_metrics: list[Metrics] = []
    best, best_at = None, 0
    distances: list[float] = []
    for setting, weights in weight_settings(config, [arm.name for arm in arrays.arms]):
        arm = features_arm(arrays.arms, weights, config, arrays.scorers[config.feature_scorer])
        train = _train(run, arm, draw, shots, repeat)
        arm_draw = solve_arm(arm, arrays, draw, train, config, Sweep("val"), with_val=run.chooses)
        settings.append(setting)
        distances.append(from_equal_weights(weights))
        if run.chooses:
            val_metrics.append(mixture_metrics(softmax(arm_draw.val), draw.labels[draw.val], config))
        elif run.several:
            test_metrics.append(_sealed_metrics(run, draw, softmax(arm_draw.test)))
        if best is None or (run.chooses and best_index(val_metrics, config, distances) == len(val_metrics) - 1):
            best, best_at = arm_draw, len(settings) - 1
    assert best is not None  # noqa: S101 - there is at least one setting
    setting = dict(best.setting)
    if best.calibration is not None:
        setting["temperature"] = best.calibration.temperature
    return _ChosenSetting(settings, val_metrics or test_metrics, best_at, setting, softmax(best.test), best.calibration)


def _sweep_entries(run: _FusionRun) -> tuple[SettingMetrics | SettingTables, ...]:
    """List the metrics of all fusion settings, of every arm's settings, and of every number of shots on test."""
    entries: list[SettingMetrics | SettingTables] = list(run.sweep.settings())
    for (_, shots), sweep in run.arm_sweeps.items():
        with_shots = {} if shots is None else {"shots": shots}
        entries += [entry._replace(settings={**entry.settings, **with_shots}) for entry in sweep.settings()]
    for shots, draws in run.tested.items():
        setting = _typical_setting(run.settings[shots])
        entries.append(setting_tables(setting, draws))
    return tuple(entries)


def _typical_setting(settings: Sequence[Setting]) -> dict[str, str | int | float | None]:
    """Return one setting for several seeds: the mean of numbers that differ, else the value of the first seed."""
    typical = dict(settings[0])
    for key, first in typical.items():
        values = [setting[key] for setting in settings]
        numbers = [value for value in values if isinstance(value, int | float)]
        if len(numbers) == len(values) and any(value != first for value in values):
            typical[key] = float(np.mean(numbers))
    return typical


def _untrained(arrays: ClassArrays, config: FusionConfig, *, learns: bool) -> tuple[str, ...]:
    """Warn of classes without train samples, unless there are shots, whose warnings say it."""
    return untrained_warnings(arrays) if learns and not config.shots else ()


def _calibration_warnings(arrays: ClassArrays, fused: Sequence[Sequence[FusedDraw]]) -> tuple[str, ...]:
    """Warn of doubtful temperatures of every arm and of the joined vectors."""
    draws = [draw for seeds in fused for draw in seeds]
    warnings = calibration_warnings("features", [draw.calibration for draw in draws])
    for at, arm in enumerate(arrays.arms):
        warnings += calibration_warnings(arm.name, [draw.arms[at].calibration for draw in draws])
    return warnings


def _arm_solutions(
    arrays: ClassArrays, fused: Sequence[Sequence[FusedDraw]], config: FusionConfig
) -> dict[str, ArmSolution]:
    """Collect the answers of every arm alone with the chosen shots; arms that do not learn have one seed."""
    tested = [draw.test for draw in arrays.draws]
    solutions = {}
    for at, arm in enumerate(arrays.arms):
        kept = slice(None) if arm.scorer.learns else slice(1)
        draws = [[draw.arms[at] for draw in seeds[kept]] for seeds in fused]
        solutions[arm.name] = arm_solution(draws, tested, config)
    return solutions
