"""Mode ``fewshot``: scorers learn from a few train samples per class, for several numbers of shots and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from eval.classification.caveats import few_neighbours, without_covariance
from eval.classification.choosing import (
    ArmDraw,
    Sweep,
    answer_of,
    arm_solution,
    calibration_warnings,
    solve_arm,
    train_rows,
    without_val,
)
from eval.classification.figures import resampled
from eval.classification.shots import DrawShots, ShotOptions, draw_shots, scarcer, setting_tables, shortage_warnings
from eval.results.schema import Choice, TaskName
from eval.seams.classification import Sealed, SettingMetrics, SettingTables, Solution
from eval.seams.options import Names, Tops

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ClassArrays


class FewshotConfig(ShotOptions):
    """Options of ``fewshot``; options of a scorer are prefixed with its name, as in ``tip.alpha=2``."""

    shots: Tops = Field(
        default=(1, 2, 5, 10),
        description="Numbers of train samples per class. All are reported; the metrics are of the largest.",
    )
    method: Names = Field(
        default=("prototype",),
        description="Scorers that learn from the shots: prototype, tip, linear, knn, gda, lp++, clap. All are "
        "reported; the metrics are of the first.",
    )


class Fewshot:
    """The mode ``fewshot``."""

    name = "fewshot"
    task: TaskName = "classification"
    learns = True
    config_type = FewshotConfig

    def arm_scorers(self, config: FewshotConfig) -> tuple[str, ...]:
        """Return the methods."""
        return tuple(dict.fromkeys(config.method))

    def other_scorers(self, config: FewshotConfig) -> tuple[str, ...]:  # noqa: ARG002 - the interface has it
        """Return no scorers."""
        return ()

    def solve(self, arrays: ClassArrays, config: FewshotConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw with every method, number of shots and seed.

        Raises:
            InputError: there are no labelled train samples, or a method cannot learn from them.
            TestDataError: there are several settings and no val samples to choose on.
        """
        numbers, by = sorted(set(config.shots)), resampled(arrays, config)
        role = "test" if config.choose == "none" else "val"
        sweeps = {(arm.name, shots): Sweep(role, arm.name) for arm in arrays.arms for shots in numbers}
        tables: dict[tuple[str, int], list[list[Sealed[Any]]]] = {key: [] for key in sweeps}
        first = arrays.arms[0]
        with_most: dict[str, list[list[ArmDraw]]] = {arm.name: [] for arm in arrays.arms}
        scarcest: dict[int, DrawShots] = {}
        for draw in arrays.draws:
            train = train_rows(first, draw)
            for shots in numbers:
                drawn = [draw_shots(arrays, draw, train, shots, config, seed, at) for at in range(config.repeats)]
                scarcest[shots] = scarcer(drawn[0], scarcest.get(shots, drawn[0]))
                for arm in arrays.arms:
                    sweep = sweeps[arm.name, shots]
                    seeds = [solve_arm(arm, arrays, draw, one.rows, config, sweep) for one in drawn]
                    answers = [answer_of(draw.test, arm_draw.test) for arm_draw in seeds]
                    tables[arm.name, shots].append([arrays.examiner.table(answer, by) for answer in answers])
                    if shots == numbers[-1]:
                        with_most[arm.name].append([without_val(arm_draw) for arm_draw in seeds])
        tested = [draw.test for draw in arrays.draws]
        alone = {name: arm_solution(draws, tested, config) for name, draws in with_most.items()}
        chosen = Choice(settings=({"method": first.name, "shots": numbers[-1]},) * len(arrays.draws))
        compared = [
            setting_tables({"method": method, "shots": shots}, draws) for (method, shots), draws in tables.items()
        ]
        points: tuple[SettingMetrics | SettingTables, ...] = (*compared, *_settings(sweeps))
        warnings = shortage_warnings(scarcest, len(arrays.classes))
        fewest = len(scarcest[numbers[0]].rows)
        warnings += without_covariance(arrays.arms, numbers)
        warnings += few_neighbours(arrays.arms, {arm.name: fewest for arm in arrays.arms})
        for name, draws in with_most.items():
            warnings += calibration_warnings(name, [arm_draw.calibration for seeds in draws for arm_draw in seeds])
        return Solution(alone[first.name].answers, points, chosen, alone, warnings)


MODE = Fewshot()


def _settings(sweeps: Mapping[tuple[str, int], Sweep]) -> Iterator[SettingMetrics]:
    """Yield the metrics of every setting of every method, for each number of shots."""
    for (_, shots), sweep in sweeps.items():
        for setting in sweep.settings():
            yield setting._replace(settings={"shots": shots, **setting.settings})
