"""Mode ``conditional``: the condition of objects whose type is known, or not, by several methods side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from eval.classification.caveats import few_neighbours
from eval.classification.choosing import Sweep, arm_solution, solve_arm, train_rows
from eval.classification.condition_options import ConditionalConfig
from eval.classification.shots import untrained_warnings
from eval.results.schema import Choice, TaskName
from eval.seams.classification import Solution

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import Answers, ArmSolution, ClassArrays
    from eval.seams.scorer import Arm


class Conditional:
    """The mode ``conditional``."""

    name = "conditional"
    task: TaskName = "classification"
    learns = False
    config_type = ConditionalConfig

    def arm_scorers(self, config: ConditionalConfig) -> tuple[str, ...]:
        """Return the methods."""
        return tuple(dict.fromkeys(config.method))

    def other_scorers(self, config: ConditionalConfig) -> tuple[str, ...]:  # noqa: ARG002 - the interface has it
        """Return no scorers."""
        return ()

    def solve(
        self,
        arrays: ClassArrays,
        config: ConditionalConfig,
        seed: np.random.SeedSequence,  # noqa: ARG002 - nothing is drawn here
    ) -> Solution:
        """Answer every draw with every method, and with the first also where the object's type is not known.

        Raises:
            InputError: a method cannot score the samples.
            TestDataError: there are several settings and no val samples to choose on.
        """
        sweeps = {arm.name: Sweep("test" if config.choose == "none" else "val", arm.name) for arm in arrays.arms}
        alone = {arm.name: _solved(arm, arrays, config, sweeps[arm.name]) for arm in arrays.arms}
        first = arrays.arms[0]
        learning = [arm for arm in arrays.arms if arm.scorer.learns]
        least = min((len(train_rows(arm, draw)) for arm in learning for draw in arrays.draws), default=0)
        warnings = untrained_warnings(arrays) if learning else ()
        warnings += few_neighbours(learning, dict.fromkeys((arm.name for arm in learning), least))
        points = tuple(point for sweep in sweeps.values() for point in sweep.settings())
        chosen = Choice(settings=({"method": first.name},) * len(arrays.draws))
        return Solution(
            alone[first.name].answers,
            points,
            chosen,
            alone,
            warnings,
            free=None if config.given is None else self._free(first, arrays, config),
        )

    def _free(self, arm: Arm, arrays: ClassArrays, config: ConditionalConfig) -> Answers:
        """Answers of an arm among all classes, so that it predicts the object's type, too."""
        unrestricted = replace(arrays, draws=tuple(replace(draw, candidates=None) for draw in arrays.draws))
        return _solved(arm, unrestricted, config, Sweep("val", arm.name)).answers


def _solved(arm: Arm, arrays: ClassArrays, config: ConditionalConfig, sweep: Sweep) -> ArmSolution:
    draws = [[solve_arm(arm, arrays, draw, train_rows(arm, draw), config, sweep)] for draw in arrays.draws]
    return arm_solution(draws, [draw.test for draw in arrays.draws], config)


MODE = Conditional()
