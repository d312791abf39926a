"""Few-shot: what a handful of train images per class is worth, for one or several ways to learn from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from eval.classification.choosing import (
    ArmDraw,
    Sweep,
    answer_of,
    arm_solution,
    calibration_warnings,
    solve_arm,
    train_rows,
)
from eval.classification.figures import resampled
from eval.classification.shots import DrawShots, ShotOptions, draw_shots, scarcer, setting_tables, shortages
from eval.results.schema import Choice, TaskName
from eval.seams.classification import Sealed, SettingMetrics, SettingTables, Solution
from eval.seams.options import Names, Tops

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ClassArrays


class FewshotConfig(ShotOptions):
    """Options of ``fewshot``; those of a method's scorer are written ``tip.alpha=2``."""

    shots: Tops = Field(
        default=(1, 2, 5, 10),
        description="Numbers of train images per class. All are reported; the metrics are of the largest.",
    )
    method: Names = Field(
        default=("prototype",),
        description="Scorers that learn from the shots: prototype, tip, linear, knn. All are reported; the metrics "
        "are of the first.",
    )


class Fewshot:
    """The mode ``fewshot``."""

    name = "fewshot"
    task: TaskName = "classification"
    learns = True
    config_type = FewshotConfig

    def arm_scorers(self, config: FewshotConfig) -> tuple[str, ...]:
        """The methods."""
        return tuple(dict.fromkeys(config.method))

    def other_scorers(self, config: FewshotConfig) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """None."""
        return ()

    def solve(self, arrays: ClassArrays, config: FewshotConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw with every method, number of shots and seed.

        Raises:
            InputError: there are no train samples, or a method cannot learn from them.
        """
        numbers, by = sorted(set(config.shots)), resampled(arrays, config)
        role = "test" if config.choose == "none" else "val"
        sweeps = {(arm.name, shots): Sweep(role, arm.name) for arm in arrays.arms for shots in numbers}
        tables: dict[tuple[str, int], list[list[Sealed[Any]]]] = {key: [] for key in sweeps}
        first = arrays.arms[0]
        most: dict[str, list[list[ArmDraw]]] = {arm.name: [] for arm in arrays.arms}
        short: dict[int, DrawShots] = {}
        for draw in arrays.draws:
            train = train_rows(first, draw)
            for shots in numbers:
                taken = [draw_shots(arrays, draw, train, shots, config, seed, at) for at in range(config.repeats)]
                short[shots] = scarcer(taken[0], short.get(shots, taken[0]))
                for arm in arrays.arms:
                    sweep = sweeps[arm.name, shots]
                    found = [solve_arm(arm, arrays, draw, each.rows, config, sweep) for each in taken]
                    answers = [answer_of(draw.test, each.test) for each in found]
                    tables[arm.name, shots].append([arrays.examiner.table(each, by) for each in answers])
                    if shots == numbers[-1]:
                        most[arm.name].append([each._replace(val=each.val[:0].copy()) for each in found])
        tested = [draw.test for draw in arrays.draws]
        alone = {name: arm_solution(draws, tested, config) for name, draws in most.items()}
        chosen = Choice(settings=({"method": first.name, "shots": numbers[-1]},) * len(arrays.draws))
        shown = [
            setting_tables({"method": method, "shots": shots}, draws, seed) for (method, shots), draws in tables.items()
        ]
        points: tuple[SettingMetrics | SettingTables, ...] = (*shown, *_settings(sweeps))
        words = shortages(short, len(arrays.classes))
        for name, draws in most.items():
            words += calibration_warnings(name, [each.calibration for seeds in draws for each in seeds])
        return Solution(alone[first.name].answers, points, chosen, alone, words)


MODE = Fewshot()


def _settings(sweeps: Mapping[tuple[str, int], Sweep]) -> Iterator[SettingMetrics]:
    """Figures of the candidate settings of every method, for each number of shots."""
    for (_, shots), sweep in sweeps.items():
        for setting in sweep.settings():
            yield setting._replace(settings={"shots": shots, **setting.settings})
