"""Modes with one arm and one scorer: each draw answers test with the setting that is best on val."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.classification.caveats import few_neighbours
from eval.classification.choosing import Sweep, arm_solution, calibration_warnings, solve_arm, train_rows
from eval.classification.shots import untrained_warnings
from eval.results.schema import TaskName
from eval.seams.classification import ClassConfig, Solution

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ClassArrays


@dataclass(frozen=True, slots=True)
class SingleArm:
    """A mode with one arm that has the scorer named ``scorer``; ``learns``: whether the scorer needs train samples."""

    name: str
    scorer: str
    config_type: type[ClassConfig] = ClassConfig
    task: TaskName = "classification"
    learns: bool = False

    def arm_scorers(self, config: ClassConfig) -> tuple[str, ...]:  # noqa: ARG002 - the interface has it
        """Return the one scorer."""
        return (self.scorer,)

    def other_scorers(self, config: ClassConfig) -> tuple[str, ...]:  # noqa: ARG002 - the interface has it
        """Return no scorers."""
        return ()

    def solve(
        self,
        arrays: ClassArrays,
        config: ClassConfig,
        seed: np.random.SeedSequence,  # noqa: ARG002 - nothing is drawn here
    ) -> Solution:
        """Answer every draw.

        Raises:
            InputError: the scorer cannot score the arm.
            TestDataError: there are several settings and no val samples to choose on.
        """
        (arm,) = arrays.arms
        sweep = Sweep("test" if config.choose == "none" else "val", arm.name)
        draws = [[solve_arm(arm, arrays, draw, train_rows(arm, draw), config, sweep)] for draw in arrays.draws]
        alone = arm_solution(draws, [draw.test for draw in arrays.draws], config)
        warnings = untrained_warnings(arrays) if arm.scorer.learns else ()
        least = min(len(train_rows(arm, draw)) for draw in arrays.draws)
        warnings += few_neighbours([arm], {arm.name: least})
        warnings += calibration_warnings(arm.name, [arm_draw.calibration for seeds in draws for arm_draw in seeds])
        return Solution(alone.answers, sweep.settings(), alone.chosen, {arm.name: alone}, warnings)
