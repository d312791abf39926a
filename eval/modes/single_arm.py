"""Modes of one arm and one scorer: each draw takes the setting that is best on val and answers test with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.classification.choosing import Sweep, arm_solution, calibration_warnings, solve_arm, train_rows
from eval.classification.shots import untaught
from eval.results.schema import TaskName
from eval.seams.classification import ClassConfig, Solution

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ClassArrays


@dataclass(frozen=True, slots=True)
class SingleArm:
    """A mode whose one arm has a fixed scorer."""

    name: str
    scorer: str
    config_type: type[ClassConfig] = ClassConfig
    task: TaskName = "classification"
    learns: bool = False

    def arm_scorers(self, config: ClassConfig) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """The one scorer."""
        return (self.scorer,)

    def other_scorers(self, config: ClassConfig) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """None."""
        return ()

    def solve(
        self,
        arrays: ClassArrays,
        config: ClassConfig,
        seed: np.random.SeedSequence,  # noqa: ARG002 - nothing is drawn here
    ) -> Solution:
        """Answer every draw.

        Raises:
            InputError: the arm cannot be scored.
            TestDataError: there are several settings and no val to choose on.
        """
        (arm,) = arrays.arms
        sweep = Sweep("test" if config.choose == "none" else "val", arm.name)
        draws = [[solve_arm(arm, arrays, draw, train_rows(arm, draw), config, sweep)] for draw in arrays.draws]
        alone = arm_solution(draws, [draw.test for draw in arrays.draws], config)
        words = untaught(arrays) if arm.scorer.learns else ()
        words += calibration_warnings(arm.name, [each.calibration for seeds in draws for each in seeds])
        return Solution(alone.answers, sweep.settings(), alone.chosen, {arm.name: alone}, words)
