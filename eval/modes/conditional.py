"""Mode ``conditional``: the condition of objects whose type is annotated or predicted, by several methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from eval.classification.candidates import class_types
from eval.classification.caveats import few_neighbours
from eval.classification.choosing import Sweep, arm_solution, solve_arm, train_rows
from eval.classification.condition_options import ConditionalConfig
from eval.classification.shots import untrained_warnings
from eval.results.schema import Choice, TaskName
from eval.seams.classification import Solution
from retrieval.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ArmSolution, ClassArrays
    from eval.seams.scorer import Arm


WRONG_TYPE = (
    "Types are predicted: an answer is right where type and condition are. Conditions of other types have probability "
    "0, so a wrong type costs the NLL 36, which `calibrate` does not change."
)


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
        """Answer every draw with every method, and with the first also by types of the other origin.

        Raises:
            InputError: a method cannot score the samples, or classes do not say the type that is to be predicted.
            TestDataError: there are several settings and no val samples to choose on.
        """
        arrays, others = _by_types(arrays, config)
        sweeps = {arm.name: Sweep("test" if config.choose == "none" else "val", arm.name) for arm in arrays.arms}
        alone = {arm.name: _solved(arm, arrays, config, sweeps[arm.name]) for arm in arrays.arms}
        first = arrays.arms[0]
        learning = [arm for arm in arrays.arms if arm.scorer.learns]
        least = min((len(train_rows(arm, draw)) for arm in learning for draw in arrays.draws), default=0)
        warnings = untrained_warnings(arrays) if learning else ()
        warnings += few_neighbours(learning, dict.fromkeys((arm.name for arm in learning), least))
        rules_out = config.types == "predicted" and config.given is not None
        if rules_out:
            warnings += (WRONG_TYPE,)
        points = tuple(point for sweep in sweeps.values() for point in sweep.settings())
        chosen = Choice(settings=({"method": first.name},) * len(arrays.draws))
        return Solution(
            alone[first.name].answers,
            points,
            chosen,
            alone,
            warnings,
            other_types=None if others is None else _solved(first, others, config, Sweep("val")).answers,
            rules_out=rules_out,
        )


def _by_types(arrays: ClassArrays, config: ConditionalConfig) -> tuple[ClassArrays, ClassArrays | None]:
    """Return arrays with the types that the options ask for, and with those of the other origin.

    The others are None where the answers are free, or where no class says its type.

    Raises:
        InputError: types are to be predicted, and classes do not say them.
    """
    if config.given is None:
        return arrays, None
    try:
        draws = tuple(replace(draw, types=class_types(draw, arrays.classes)) for draw in arrays.draws)
    except InputError:
        if config.types == "predicted":
            raise
        return arrays, None
    predicted = replace(arrays, draws=draws)
    return (predicted, arrays) if config.types == "predicted" else (arrays, predicted)


def _solved(arm: Arm, arrays: ClassArrays, config: ConditionalConfig, sweep: Sweep) -> ArmSolution:
    draws = [[solve_arm(arm, arrays, draw, train_rows(arm, draw), config, sweep)] for draw in arrays.draws]
    return arm_solution(draws, [draw.test for draw in arrays.draws], config)


MODE = Conditional()
