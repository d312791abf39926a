"""Options of the mode ``conditional``, which the sections of its result depend on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from eval.seams.classification import ClassConfig
from eval.seams.options import Names


class ConditionalConfig(ClassConfig):
    """Options of ``conditional``; options of a scorer are prefixed with its name, as in ``knn.k=5``."""

    given: str | None = Field(
        default="object",
        description="Column of the object's type: only conditions that train samples of the type have are answered. "
        "null answers freely, type and condition.",
    )
    types: Literal["annotated", "predicted"] = Field(
        default="annotated",
        description="Where the types of objects come from: the annotated ones, or predicted by the method itself: the "
        "type whose conditions have the largest sum of probabilities; then its conditions are answered, and prompts "
        "name neighbours by types that plain prompts predict. An answer is right where type and condition are.",
    )
    method: Names = Field(
        default=("plain", "spatial", "neighbours", "prototype"),
        description="Scorers: prompts of the object and condition (plain), with position and nearest neighbour "
        "(spatial), with the other objects of the image (neighbours); prototype, knn, linear, gda, ... All are "
        "reported; the metrics are of the first.",
    )
    rare: float = Field(
        default=3.0, ge=1, description="A class is rare if the largest has more than this many times its train samples."
    )
    targets: str | None = Field(
        default=None,
        description="Accuracies to reach: drains for those of the drain inspection, or a YAML file of slice: share, "
        "such as 'condition blocked: 0.6'.",
    )
