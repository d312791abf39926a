"""A request to train, made by the command line and by Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from retrieval.config import Config
from training.config import read_recipe, validate_recipe
from training.registry import load_job
from training.run_settings import RunSettings
from training.run_state import RunOutcome, running

if TYPE_CHECKING:
    from training.loop import TrainingResult


class TrainRequest(Config):
    """Train an encoder by a recipe."""

    job: str = Field(description="Name of the training job, such as clip.")
    recipe: Path | Mapping[str, Any] = Field(
        description="Recipe: a YAML file, the name of one that ships, or its keys and values."
    )
    out: Path = Field(description="Folder of the run; the encoder is left in its folder encoder.")
    overrides: tuple[str, ...] = Field(
        default=(), description="Changes of the recipe, KEY=VALUE each, with dots for keys inside keys."
    )
    device: str = Field(default="auto", description="Where to train: auto, cpu, cuda or mps.")
    quiet: bool = Field(default=False, description="Show no progress.")


def train(request: TrainRequest) -> TrainingResult:
    """Train, or go on where an earlier run of the same recipe in the same folder stopped.

    Raises:
        UnknownNameError: there is no such job.
        MissingFileError: there is no such recipe, or a file that it names does not exist.
        InputError: the recipe or its data cannot be used, or the folder holds another run.
    """
    job = load_job(request.job)
    recipe = validate_recipe(job.recipe, read_recipe(request.recipe, request.overrides), "recipe")
    with running(request.out, request.job) as note:
        result = job.run(recipe, None, request.out, RunSettings(request.device, request.quiet))
        score = None if math.isnan(result.best_score) else result.best_score
        note.set_outcome(RunOutcome(result.interrupted, result.best_epoch, score))
    return result
