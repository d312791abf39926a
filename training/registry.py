"""The closed table of training jobs: name -> module and object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from retrieval.lookup import load_entry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from retrieval.config import Config
    from training.loop import TrainingResult

JOBS = {
    "clip": ".jobs.clip:JOB",
}


class TrainingJob(Protocol):
    """Trains an encoder by a recipe and writes checkpoint, history and encoder to a folder; does not use a store.

    ``recipe`` is the class of its recipes; every key has a description.
    """

    recipe: type[Config]

    def run(self, recipe: Mapping[str, Any], out: Path, *, device: str = "auto", quiet: bool = False) -> TrainingResult:
        """Train, or resume an earlier run of the same recipe in ``out``.

        Raises:
            InputError: the recipe or its data cannot be used, or ``out`` holds another run.
            MissingFileError: a file or folder that the recipe names does not exist.
        """
        ...


def load_job(name: str) -> TrainingJob:
    """Import a job by name.

    Raises:
        UnknownNameError: there is no such job.
    """
    job: TrainingJob = load_entry("training job", JOBS, name, __package__)
    return job
