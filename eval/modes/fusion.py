"""Fusion: the class probabilities of several arms become one answer, by weights that val chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from eval.classification.candidates import restricted_probs
from eval.classification.choosing import (
    ArmDraw,
    Sweep,
    arm_solution,
    best_of,
    calibration_warnings,
    choosing_rule,
    require_val,
    solve_arm,
    train_rows,
)
from eval.classification.figures import resampled
from eval.classification.fusion_methods import (
    FusionOptions,
    Mixer,
    features_arm,
    is_fitted,
    mixers,
    mixture_figures,
    require_used,
    uniform_arms,
    weight_settings,
)
from eval.classification.shots import DrawShots, ShotOptions, draw_shots, scarcer, setting_tables, shortages, untaught
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

    Settings that are fitted on val are judged there out of fold. Under ``choose=none`` the first weights and the most
    shots answer.
    """

    shots: Tops | None = Field(
        default=None,
        description="Numbers of train images per class from which arms learn; of several, one is chosen on val with "
        "the weights. Without it, all train images.",
    )


class Fused(NamedTuple):
    """The answer of one draw, number of shots and seed.

    ``arms`` by themselves; ``candidates`` and their ``metrics`` (none where there is nothing to choose); the place
    ``at`` of the one taken; ``setting``, with what was fitted for it; ``calibration`` of the joined features.
    """

    arms: tuple[ArmDraw, ...]
    candidates: Sequence[Setting]
    metrics: Sequence[Metrics]
    at: int
    setting: Setting
    answer: Answer
    calibration: Calibration | None


class _Pick(NamedTuple):
    """The candidate that was taken, and what it makes of test samples."""

    candidates: Sequence[Setting]
    metrics: Sequence[Metrics]
    at: int
    fitted: Setting
    test: Float32
    calibration: Calibration | None = None


@dataclass(slots=True)
class _Study:
    """What is asked, and what is gathered over draws."""

    arrays: ClassArrays
    config: FusionConfig
    seed: np.random.SeedSequence
    several: bool
    fitted: bool
    sweep: Sweep
    arm_sweeps: dict[tuple[str, int | None], Sweep] = field(default_factory=dict)
    tested: dict[int, list[list[Sealed[Any]]]] = field(default_factory=dict)
    settings: dict[int, list[Setting]] = field(default_factory=dict)
    short: dict[int, DrawShots] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    @property
    def chooses(self) -> bool:
        """Whether val decides between candidates."""
        return self.several and self.config.choose == "val"

    @property
    def criterion(self) -> str | None:
        """What val decides by; a stacker that has no rival is fitted by its likelihood."""
        if self.fitted and not self.chooses and self.config.method == "stacker":
            return "nll"
        return self.config.criterion if self.chooses or self.fitted else None

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """Numbers of shots; None is all of train."""
        return tuple(sorted(set(self.config.shots))) if self.config.shots else (None,)


class Fusion:
    """The mode ``fusion``."""

    name = "fusion"
    task: TaskName = "classification"
    learns = False
    config_type = FusionConfig

    def arm_scorers(self, config: FusionConfig) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """None: arms are named by the user."""
        return ()

    def other_scorers(self, config: FusionConfig) -> tuple[str, ...]:
        """The scorer that learns from joined features."""
        return (config.feature_scorer,) if config.method == "features" else ()

    def solve(self, arrays: ClassArrays, config: FusionConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw.

        Raises:
            InputError: an arm cannot be scored, or the method does not take these arms.
            TestDataError: there is no val to choose or fit weights on.
        """
        require_used(config)
        learns = config.method == "features" or any(arm.scorer.learns for arm in arrays.arms)
        if config.shots and not learns:
            raise InputError("`shots` is for arms that learn from train (prototype, knn, tip, linear); none does.")
        study = _study(arrays, config, seed)
        fused = [_draw(study, draw) for draw in arrays.draws]
        chosen = Choice(
            settings=tuple(_typical([each.setting for each in seeds]) for seeds in fused),
            criterion=study.criterion,
            on=None if study.criterion is None else "val",
        )
        return Solution(
            tuple(tuple(each.answer for each in seeds) for seeds in fused),
            _points(study),
            chosen,
            _alone(arrays, fused, config),
            (*study.warnings, *_untaught(arrays, config, learns=learns), *_calibrated(arrays, fused),
             *shortages(study.short, len(arrays.classes))),
        )  # fmt: skip


MODE = Fusion()


def _study(arrays: ClassArrays, config: FusionConfig, seed: np.random.SeedSequence) -> _Study:
    names = [arm.name for arm in arrays.arms]
    fitted = is_fitted(config, arrays.classes)
    if config.method == "features":
        candidates = len(weight_settings(config, names))
    else:
        candidates = 1 if fitted else len(mixers(config, names, (), np.empty(0, np.int64), arrays.classes))
    several = candidates > 1 or len(set(config.shots or ())) > 1
    return _Study(arrays, config, seed, several, fitted, Sweep("val" if config.choose == "val" else "test"))


def _draw(study: _Study, draw: ClassDraw) -> list[Fused]:
    """One draw: of the numbers of shots the one that is best on val, all its seeds."""
    if study.chooses or study.fitted:
        require_val(draw, "The weights of the arms")
    fixed: dict[str, ArmDraw] = {}
    best: list[Fused] = []
    taken = 0
    swept: list[list[Fused]] = []
    means: list[dict[str, float]] = []
    for place, shots in enumerate(study.numbers):
        repeats = study.config.repeats if shots else 1
        seeds = [_fuse(study, draw, fixed, shots, repeat) for repeat in range(repeats)]
        if shots and len(study.numbers) > 1 and study.chooses:
            _count(study, shots, seeds)
        swept.append([each._replace(arms=(), answer=_NOTHING) for each in seeds])
        if study.chooses:
            chosen = [on_val(each.metrics[each.at]) for each in seeds]
            means.append({name: float(np.mean([each[name] for each in chosen])) for name in chosen[0]})
        if not study.chooses or best_of(means, study.config.criterion) == place:
            best, taken = seeds, place
    if study.several:
        _sweep(study, swept, taken)
    return best


_NOTHING = Answer(np.empty(0, np.int64), np.empty((0, 0), np.float32))


def _count(study: _Study, shots: int, seeds: Sequence[Fused]) -> None:
    """Keep what test metrics of a number of shots are made of."""
    by = resampled(study.arrays, study.config)
    study.tested.setdefault(shots, []).append([study.arrays.examiner.table(each.answer, by) for each in seeds])
    study.settings.setdefault(shots, []).extend(each.setting for each in seeds)


def _sweep(study: _Study, swept: Sequence[Sequence[Fused]], taken: int) -> None:
    """Take the metrics of all candidates of a draw, seed by seed over all numbers of shots."""
    for seeds in zip(*swept, strict=True):
        settings = [setting for each in seeds for setting in each.candidates]
        metrics = [found for each in seeds for found in each.metrics]
        before = sum(len(each.candidates) for each in seeds[:taken])
        study.sweep.add(settings, metrics, before + seeds[taken].at if study.chooses else None)


def _fuse(study: _Study, draw: ClassDraw, fixed: dict[str, ArmDraw], shots: int | None, repeat: int) -> Fused:
    """Answer with every arm, then mix; arms that do not learn are answered once per draw (``fixed``)."""
    arms = []
    for arm in study.arrays.arms:
        if arm.name in fixed:
            arms.append(fixed[arm.name])
            continue
        arms.append(_answer(study, arm, draw, shots, repeat))
        if not arm.scorer.learns:
            fixed[arm.name] = arms[-1]
    pick = _joined(study, draw, shots, repeat) if study.config.method == "features" else _mixed(study, draw, arms)
    own: Setting = {} if shots is None else {"shots": shots}
    candidates = [{**setting, **own} for setting in pick.candidates]
    kept = tuple(arm._replace(val=arm.val[:0].copy()) for arm in arms)
    setting = {**candidates[pick.at], **pick.fitted}
    return Fused(kept, candidates, pick.metrics, pick.at, setting, Answer(draw.test, pick.test), pick.calibration)


def _answer(study: _Study, arm: Arm, draw: ClassDraw, shots: int | None, repeat: int) -> ArmDraw:
    """Answer with one arm; its val is scored too where the mixture is chosen or fitted there."""
    own = shots if arm.scorer.learns else None
    role = "val" if study.config.choose == "val" else "test"
    sweep = study.arm_sweeps.setdefault((arm.name, own), Sweep(role, arm.name))
    with_val = study.fitted or (study.chooses and study.config.method != "features")
    train = _train(study, arm, draw, shots, repeat)
    return solve_arm(arm, study.arrays, draw, train, study.config, sweep, with_val=with_val)


def _train(study: _Study, arm: Arm, draw: ClassDraw, shots: int | None, repeat: int) -> Int64:
    """What an arm learns from."""
    train = train_rows(arm, draw)
    if not shots or not len(train):
        return train
    taken = draw_shots(study.arrays, draw, train, shots, study.config, study.seed, repeat)
    study.short[shots] = scarcer(taken, study.short.get(shots, taken))
    return taken.rows


def _mixed(study: _Study, draw: ClassDraw, arms: Sequence[ArmDraw]) -> _Pick:
    """Mix what the arms say, by the candidate that is best on val."""
    config, labels = study.config, draw.labels
    names = [arm.name for arm in study.arrays.arms]
    test = [softmax(arm.test) for arm in arms]
    scored = study.chooses or study.fitted
    val = [softmax(arm.val) for arm in arms] if scored else []
    candidates = mixers(config, names, val, labels[draw.val], study.arrays.classes, out_of_fold=study.chooses)
    metrics: Sequence[Metrics] = ()
    at = 0
    if study.chooses:
        judged = [restricted_probs(_judged(each, val), draw, draw.val) for each in candidates]
        metrics, at = _best_on_val(judged, labels[draw.val], config)
    elif study.several:
        metrics = [_sealed(study, draw, restricted_probs(each.mix(test), draw, draw.test)) for each in candidates]
    for words in (*uniform_arms(names, test), *candidates[at].warnings):
        study.warnings.setdefault(words)
    mixed = restricted_probs(candidates[at].mix(test), draw, draw.test)
    return _Pick([each.setting for each in candidates], metrics, at, candidates[at].fitted, mixed)


def _best_on_val(judged: Sequence[Float32], labels: Int64, config: FusionConfig) -> tuple[list[dict[str, float]], int]:
    """Metrics of every candidate's class probabilities on val, and the place of the best."""
    metrics = [mixture_figures(probs, labels, config) for probs in judged]
    return metrics, best_of(metrics, config.criterion)


def _sealed(study: _Study, draw: ClassDraw, probs: Float32) -> Metrics:
    """Metrics of class probabilities (n, C) on test."""
    with np.errstate(divide="ignore"):
        return study.arrays.examiner.metrics(draw.test, np.log(probs), choosing_rule(study.config))


def _judged(mixer: Mixer, val: Sequence[Float32]) -> Float32:
    """What a candidate makes of val; one that is fitted there is judged out of fold, for its own rows flatter it."""
    return mixer.mix(val) if mixer.out_of_fold is None else mixer.out_of_fold


def _joined(study: _Study, draw: ClassDraw, shots: int | None, repeat: int) -> _Pick:
    """Learn from the vectors of all arms joined, by the weights that are best on val."""
    config, arrays = study.config, study.arrays
    settings: list[Setting] = []
    judged: list[dict[str, float]] = []
    on_test: list[Metrics] = []
    best, at = None, 0
    for setting, weights in weight_settings(config, [arm.name for arm in arrays.arms]):
        arm = features_arm(arrays.arms, weights, config, arrays.scorers[config.feature_scorer])
        train = _train(study, arm, draw, shots, repeat)
        made = solve_arm(arm, arrays, draw, train, config, Sweep("val"), with_val=study.chooses)
        settings.append(setting)
        if study.chooses:
            judged.append(mixture_figures(softmax(made.val), draw.labels[draw.val], config))
        elif study.several:
            on_test.append(_sealed(study, draw, softmax(made.test)))
        if best is None or (study.chooses and best_of(judged, config.criterion) == len(judged) - 1):
            best, at = made, len(settings) - 1
    assert best is not None  # noqa: S101 - there is a weight
    setting = dict(best.setting)
    if best.calibration is not None:
        setting["temperature"] = best.calibration.temperature
    return _Pick(settings, judged or on_test, at, setting, softmax(best.test), best.calibration)


def _points(study: _Study) -> tuple[SettingMetrics | SettingTables, ...]:
    """Figures of all mixtures, then of every arm's own candidates, then of every number of shots on test."""
    points: list[SettingMetrics | SettingTables] = list(study.sweep.settings())
    for (_, shots), sweep in study.arm_sweeps.items():
        own = {} if shots is None else {"shots": shots}
        points += [one._replace(settings={**one.settings, **own}) for one in sweep.settings()]
    for shots, draws in study.tested.items():
        setting = _typical(study.settings[shots])
        points.append(setting_tables(setting, draws, study.seed))
    return tuple(points)


def _typical(settings: Sequence[Setting]) -> dict[str, str | int | float | None]:
    """One setting for several seeds: numbers that differ are averaged, of anything else the first is taken."""
    found = dict(settings[0])
    for key, first in found.items():
        values = [each[key] for each in settings]
        numbers = [value for value in values if isinstance(value, int | float)]
        if len(numbers) == len(values) and any(value != first for value in values):
            found[key] = float(np.mean(numbers))
    return found


def _untaught(arrays: ClassArrays, config: FusionConfig, *, learns: bool) -> tuple[str, ...]:
    """Say of how many classes arms learn nothing; of shots :func:`eval.classification.shots.shortages` says it."""
    return untaught(arrays) if learns and not config.shots else ()


def _calibrated(arrays: ClassArrays, fused: Sequence[Sequence[Fused]]) -> tuple[str, ...]:
    """Say what is wrong with temperatures, of every arm and of the joined features."""
    every = [each for seeds in fused for each in seeds]
    words = calibration_warnings("features", [each.calibration for each in every])
    for at, arm in enumerate(arrays.arms):
        words += calibration_warnings(arm.name, [each.arms[at].calibration for each in every])
    return words


def _alone(arrays: ClassArrays, fused: Sequence[Sequence[Fused]], config: FusionConfig) -> dict[str, ArmSolution]:
    """Every arm by itself, in the draws and with the shots that were chosen; seeds change only arms that learn."""
    tested = [draw.test for draw in arrays.draws]
    found = {}
    for at, arm in enumerate(arrays.arms):
        seeds = slice(None) if arm.scorer.learns else slice(1)
        found[arm.name] = arm_solution([[each.arms[at] for each in draw[seeds]] for draw in fused], tested, config)
    return found
