"""The closed table of training jobs: name -> module and object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from retrieval.lookup import load_entry

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.config import Config
    from training.data.training_data import DataNeeds, TrainingData
    from training.loop import TrainingResult
    from training.run_settings import RunSettings

JOBS = {
    "adapter": ".jobs.adapter:JOB",
    "classifier": ".jobs.classifier:JOB",
    "clip": ".jobs.clip:JOB",
    "coop": ".jobs.coop:JOB",
    "detector": ".jobs.detector:JOB",
    "finetune": ".jobs.finetune:JOB",
    "reid": ".jobs.reid.job:JOB",
}


ONE_PROCESS = frozenset(("adapter", "coop"))
"""Jobs whose batches several processes cannot share (:class:`training.learner.DividesBatches`)."""


class TrainingJob(Protocol):
    """Trains by a recipe and writes checkpoint, history and what it trained to a folder; does not use a store.

    ``recipe`` is the class of its recipes; every key has a description. A job that ``needs`` data of a store has the
    group ``data`` (``DataConfig``) in its recipe.
    """

    recipe: type[Config]

    def needs(self, recipe: Any) -> DataNeeds | None:
        """What the job reads of a store; None if it reads its own data."""
        ...

    def run(self, recipe: Any, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train, or resume an earlier run of the same recipe in ``out``.

        Args:
            recipe: an instance of the class ``recipe``.
            data: samples of a store; None if the job needs none.
            out: folder of the run.
            run: settings that do not change what is trained.

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
