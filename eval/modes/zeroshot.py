"""Mode ``zeroshot``: a test sample gets the class whose prompts are nearest; nothing is learnt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from eval.modes.single_arm import SingleArm
from eval.scorers.similarity import combine_views
from eval.seams.classification import ClassConfig, Solution

if TYPE_CHECKING:
    import numpy as np

    from eval.seams.classification import ClassArrays


class ZeroshotConfig(ClassConfig):
    """Options of ``zeroshot``, in addition to those of the scorer ``prompts``."""

    text_to_image: bool = Field(
        default=False,
        description="Whether to search the test samples with every prompt, too, and report the recall at 1, 5 and 10.",
    )


class Zeroshot(SingleArm):
    """The mode ``zeroshot``."""

    def solve(self, arrays: ClassArrays, config: ClassConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw; see :meth:`eval.modes.single_arm.SingleArm.solve`."""
        solution = super().solve(arrays, config, seed)
        if not (isinstance(config, ZeroshotConfig) and config.text_to_image):
            return solution
        (arm,) = arrays.arms
        sealed_recalls = []
        for draw, setting in zip(arrays.draws, solution.chosen.settings if solution.chosen else (), strict=True):
            vectors = combine_views([arm.vectors[view][draw.test] for view in config.views])
            sealed_recalls.append(
                arrays.examiner.recalls(draw.test, vectors, arm.bank(str(setting["bank"])), (1, 5, 10))
            )
        return replace(solution, retrieval=tuple(sealed_recalls))


MODE = Zeroshot("zeroshot", "prompts", ZeroshotConfig)
