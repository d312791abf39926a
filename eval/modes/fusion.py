"""Fusion: the class probabilities of several arms become one answer, by weights that val chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.answering import ArmDraw, Sweep, arm_solution, best_of, choosing_rule, require_val, solve_arm, train_rows
from eval.class_mode import Answer, ArmSolution, Solution, Tops
from eval.fusing import FusionOptions, Mixer, features_arm, mixers, uniform_arms
from eval.metrics.class_tables import quick_metrics
from eval.metrics.probabilities import softmax
from eval.registry import load_scorer
from eval.result import Chosen
from eval.shot_draws import ShotOptions, Taken, draw_shots, shortages
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.arms import ClassArrays, Setting
    from eval.mode import Draw
    from retrieval.types import Float32, Int64


class FusionConfig(FusionOptions, ShotOptions):
    """Options of ``fusion``, beside those of :class:`eval.fusing.FusionOptions`.

    ``shots``: arms that learn get so many train images per class; with several numbers they are chosen on val together
    with the weights, and test figures of every number stand in the sweep.
    """

    shots: Tops | None = None


class Fused(NamedTuple):
    """One draw, number of shots and seed: the arms, the mixture's setting and figures on val, its answer on test."""

    arms: tuple[ArmDraw, ...]
    setting: Setting
    figures: Mapping[str, float]
    answer: Answer


@dataclass(slots=True)
class _Study:
    """What is gathered over draws."""

    sweeps: dict[str, Sweep]
    whole: Sweep
    tested: Sweep
    fused: list[list[Fused]] = field(default_factory=list)
    short: dict[int, Taken] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)


class Fusion:
    """The mode ``fusion``."""

    name = "fusion"
    config_type = FusionConfig

    def arm_scorers(self, config: FusionConfig) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """None: arms are named by the user."""
        return ()

    def solve(self, arrays: ClassArrays, config: FusionConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw.

        Raises:
            InputError: an arm cannot be scored, or the method does not take so many arms.
            TestDataError: there is no val to choose weights on.
        """
        if config.shots and not any(load_scorer(arm.scorer).learns for arm in arrays.arms):
            raise InputError("-o shots= is for arms that learn from train (prototype, knn, tip, linear); none does.")
        role = "test" if config.choose == "none" else "val"
        sweeps = {arm.name: Sweep("val" if config.choose == "val" else "test", arm.name) for arm in arrays.arms}
        study = _Study(sweeps, Sweep(role), Sweep("test"))
        for draw in arrays.draws:
            study.fused.append(self._draw(arrays, draw, config, seed, study))
        points = (*study.whole.points(), *(p for sweep in sweeps.values() for p in sweep.points()))
        settings = tuple(dict(seeds[0].setting) for seeds in study.fused)
        chosen = Chosen(
            settings=settings,
            criterion=config.criterion if config.choose == "val" else None,
            on="val" if config.choose == "val" else None,
        )
        return Solution(
            tuple(tuple(each.answer for each in seeds) for seeds in study.fused),
            (*points, *(study.tested.points() if config.shots else ())),
            chosen,
            _alone(arrays, study, config),
            (*study.warnings, *shortages(study.short, len(arrays.classes))),
        )

    def _draw(
        self, arrays: ClassArrays, draw: Draw, config: FusionConfig, seed: np.random.SeedSequence, study: _Study
    ) -> list[Fused]:
        """One draw: of the numbers of shots the one that is best on val, all its seeds."""
        fixed: dict[str, ArmDraw] = {}
        found: list[list[Fused]] = []
        numbers: tuple[int | None, ...] = tuple(sorted(set(config.shots))) if config.shots else (None,)
        for shots in numbers:
            repeats = config.repeats if shots else 1
            found.append([self._fuse(arrays, draw, config, seed, study, fixed, shots, at) for at in range(repeats)])
        if len(found) == 1:
            return found[0]
        means = [
            {name: float(np.mean([each.figures[name] for each in seeds])) for name in seeds[0].figures}
            for seeds in found
        ]
        for shots, seeds in zip(numbers, found, strict=True):
            figures = [_test_figures(each.answer, arrays, config) for each in seeds]
            mean = {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}
            study.tested.add([{"shots": shots}], [mean], None)
        return found[best_of(means, config.criterion)]

    def _fuse(
        self, arrays: ClassArrays, draw: Draw, config: FusionConfig, seed: np.random.SeedSequence, study: _Study,
        fixed: dict[str, ArmDraw], shots: int | None, repeat: int,
    ) -> Fused:  # fmt: skip
        """Answer with every arm, then mix; arms that do not learn are answered once per draw (``fixed``)."""
        rows = self._train(arrays, draw, config, seed, study, shots, repeat)
        if config.method == "features":
            return self._features(arrays, draw, config, study, rows, shots)
        wants_val = config.choose == "val" or config.method in {"stacker", "per_class"}
        arms = []
        for arm in arrays.arms:
            learns = load_scorer(arm.scorer).learns
            if learns or arm.name not in fixed:
                train = rows[arm.name]
                made = solve_arm(arm, arrays, draw, train, config, study.sweeps[arm.name], with_val=wants_val)
                if not learns:
                    fixed[arm.name] = made
                arms.append(made)
            else:
                arms.append(fixed[arm.name])
        return self._mixed(arrays, draw, config, study, tuple(arms), shots)

    def _train(
        self, arrays: ClassArrays, draw: Draw, config: FusionConfig, seed: np.random.SeedSequence, study: _Study,
        shots: int | None, repeat: int,
    ) -> dict[str, Int64]:  # fmt: skip
        """What every arm learns from."""
        rows = {}
        for arm in arrays.arms:
            train = train_rows(arm, arrays, draw)
            if shots and len(train):
                taken = draw_shots(arrays, train, shots, config, seed, repeat)
                study.short.setdefault(shots, taken)
                train = taken.rows
            rows[arm.name] = train
        return rows

    def _mixed(
        self, arrays: ClassArrays, draw: Draw, config: FusionConfig, study: _Study, arms: tuple[ArmDraw, ...],
        shots: int | None,
    ) -> Fused:  # fmt: skip
        """Mix what the arms say, by the candidate that is best on val."""
        names = [arm.name for arm in arrays.arms]
        test = [softmax(arm.test) for arm in arms]
        labels = arrays.labels
        for words in uniform_arms(names, test):
            study.warnings.setdefault(words)
        if config.choose == "none" and config.method not in {"stacker", "per_class"}:
            candidates = mixers(config, names, [], labels[:0], arrays.classes)
            at, figures = self._sweep(candidates, test, labels[draw["test"]], config, study, shots, choose=False)
        else:
            rows = require_val(draw, "The weights of the arms")
            val = [softmax(arm.val) for arm in arms]
            candidates = mixers(config, names, val, labels[rows], arrays.classes)
            at, figures = self._sweep(candidates, val, labels[rows], config, study, shots, choose=True)
        mixer = candidates[at]
        for words in mixer.warnings:
            study.warnings.setdefault(words)
        setting = {**mixer.setting, **({} if shots is None else {"shots": shots})}
        return Fused(arms, setting, figures, Answer(draw["test"], mixer(test)))

    def _sweep(
        self, candidates: Sequence[Mixer], probs: Sequence[Float32], labels: Int64, config: FusionConfig,
        study: _Study, shots: int | None, *, choose: bool,
    ) -> tuple[int, Mapping[str, float]]:  # fmt: skip
        """Figures of all candidates; the place and the figures of the best one, or of the first without a choice."""
        figures = [_figures(mixer(probs), labels, config) for mixer in candidates]
        at = best_of(figures, config.criterion) if choose else 0
        own: Setting = {} if shots is None else {"shots": shots}
        settings: list[Setting] = [{**mixer.setting, **own} for mixer in candidates]
        study.whole.add(settings, figures, at if choose else None)
        return at, figures[at]

    def _features(
        self, arrays: ClassArrays, draw: Draw, config: FusionConfig, study: _Study, rows: Mapping[str, Int64],
        shots: int | None,
    ) -> Fused:  # fmt: skip
        """Learn from the vectors of all arms joined, by the weight that is best on val."""
        train = max(rows.values(), key=len)
        if not len(train):
            train = draw["train"][arrays.labels[draw["train"]] >= 0]
        best: tuple[ArmDraw, Mapping[str, float]] | None = None
        figures, settings = [], []
        for alpha in config.alphas:
            arm = features_arm(arrays.arms, alpha, config)
            inner = Sweep("val", None)
            made = solve_arm(arm, arrays, draw, train, config, inner, with_val=True)
            figures.append(quick_metrics(made.val, arrays.labels[draw["val"]], choosing_rule(config)))
            settings.append({"alpha": alpha, **({} if shots is None else {"shots": shots})})
            if best is None or best_of(figures, config.criterion) == len(figures) - 1:
                best = made, figures[-1]
        at = best_of(figures, config.criterion)
        study.whole.add(settings, figures, at)
        assert best is not None  # noqa: S101 - there is an alpha
        return Fused((), settings[at], best[1], Answer(draw["test"], softmax(best[0].test)))


MODE = Fusion()


def _figures(probs: Float32, labels: Int64, config: FusionConfig) -> dict[str, float]:
    with np.errstate(divide="ignore"):
        return quick_metrics(np.log(probs), labels, choosing_rule(config))


def _test_figures(answer: Answer, arrays: ClassArrays, config: FusionConfig) -> dict[str, float]:
    return _figures(answer.probs, arrays.labels[answer.rows], config)


def _alone(arrays: ClassArrays, study: _Study, config: FusionConfig) -> dict[str, ArmSolution]:
    """Every arm by itself, in the draws and with the shots that were chosen; none where features were joined."""
    if not all(seeds[0].arms for seeds in study.fused):
        return {}
    tested = [draw["test"] for draw in arrays.draws]
    return {
        arm.name: arm_solution([[each.arms[at] for each in seeds] for seeds in study.fused], tested, config)
        for at, arm in enumerate(arrays.arms)
    }
