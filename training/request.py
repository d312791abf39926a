"""A request to train, made by the command line and by Python: recipe, data of a store, job, refresh, evaluations."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from retrieval.config import Config
from retrieval.errors import InputError
from training.checkpoint import STATE, open_run
from training.config import RECIPES, read_recipe, validate_recipe
from training.processes import from_first, joined_processes, rank, ranks
from training.registry import JOBS, ONE_PROCESS, load_job
from training.run_log import check_tensorboard
from training.run_origin import RunOrigin, keep_origin, started_from
from training.run_samples import RunSamples, keep_samples
from training.run_settings import RunSettings
from training.run_state import RunOutcome, running
from training.study import check_study, read_study, run_study
from training.train_report import TrainReport

if TYPE_CHECKING:
    from retrieval.types import SpaceInfo
    from retrieval.types.store import Snapshot
    from training.data.training_data import DataNeeds, TrainingData
    from training.loop import TrainingResult
    from training.registry import TrainingJob
    from training.study import Study

RUNS = Path("runs")
"""Where runs are that name no folder."""

Tell = Callable[[str], None]


class TrainRequest(Config):
    """Train by a recipe, bring what was trained into the store, and evaluate it."""

    job: str = Field(description="Name of the training job, such as clip.")
    store: str | None = Field(default=None, description="Folder of the store whose samples are trained on.")
    space: str | None = Field(
        default=None,
        description="Space to start from: its name or the beginning of it. Not needed where there is one.",
    )
    recipe: Path | Mapping[str, Any] | None = Field(
        default=None,
        description="Recipe: a YAML file, the name of one that ships, or its keys and values. Without it, the job's "
        "usual one.",
    )
    out: Path | None = Field(
        default=None, description="Folder of the run. Without it, runs/JOB-1, or the next number that is free."
    )
    overrides: tuple[str, ...] = Field(
        default=(), description="Changes of the recipe, KEY=VALUE each, with dots for keys inside keys."
    )
    refresh: bool = Field(
        default=True, description="Whether to bring what was trained into the store and compare it with the old space."
    )
    then: Path | None = Field(
        default=None, description="YAML list of evaluations, and a report, to be made when the job has ended."
    )
    resume: bool = Field(default=False, description="Only go on with a run that has begun; refuse to begin one.")
    tensorboard: bool = Field(default=False, description="Write losses and metrics for TensorBoard, too.")
    device: str = Field(default="auto", description="Where to train: auto, cpu, cuda or mps.")
    quiet: bool = Field(default=False, description="Show no progress.")


def train(request: TrainRequest, tell: Tell = lambda _: None) -> TrainReport:
    """Train, or go on where an earlier run of the same recipe in the same folder stopped; refresh, evaluate.

    Of several processes that ``torchrun`` started, the first alone writes, refreshes and evaluates.

    Args:
        request: the request.
        tell: gets sentences for the user as they come up.

    Raises:
        UnknownNameError: there is no such job, recipe, space, column, class or option.
        MissingFileError: a file that the recipe names does not exist.
        InputError: the recipe or its data cannot be used, or the folder holds another run.
        TestDataError: test samples would be trained on.
    """
    from retrieval.encoders.precision import choose_device

    job = load_job(request.job)
    recipe, origin = _read_recipe(request, job)
    needs = job.needs(recipe)
    _check(request, recipe, needs)
    study = None if request.then is None else read_study(request.then)
    tell = tell if rank() == 0 else lambda _: None
    tell(f"Recipe: {origin}")
    with joined_processes(choose_device(request.device)) as device:
        out = from_first(request.out or _free_folder(request.job))
        data = None if needs is None else _read_data(request, recipe, needs, out, study, tell)
        if request.out is None:
            tell(f"Run: {out}; `out={out}` goes on with it.")
        result = _run_job(request, job, recipe, data, out, device)
    report = TrainReport(request.job, origin, out, result)
    if rank() == 0 and data is not None and request.refresh and not result.interrupted:
        _return_to_store(request, data, study, report, tell)
    return report


def _read_recipe(request: TrainRequest, job: TrainingJob) -> tuple[Config, str]:
    """Read and validate the recipe; return it, and where it is from in words."""
    usual = RECIPES / f"{request.job}.yaml"
    if request.recipe is not None:
        source: Path | Mapping[str, Any] = request.recipe
        origin = str(source) if isinstance(source, Path) else "as given"
    elif usual.is_file():
        source, origin = usual, f"{usual.stem}, the job's usual one ({usual})"
    else:
        source, origin = {}, f"the defaults of the job {request.job}"
    values = read_recipe(source, request.overrides, job.recipe)
    where = str(source) if isinstance(source, Path) else "recipe"
    try:
        return validate_recipe(job.recipe, values, where), origin
    except InputError as error:
        if request.recipe is None and not values:
            raise InputError(
                f"The job {request.job} has no usual recipe ({str(error).rstrip('.')}); name one as `recipe`."
            ) from None
        other = None if request.recipe is None else _job_of(values, request.job)
        if other is not None:
            raise InputError(f"{where} is a recipe of the job {other}, not of {request.job}; train {other}.") from None
        raise


def _job_of(values: Mapping[str, Any], job: str) -> str | None:
    """Name of another job of which this is a recipe."""
    for name in JOBS:
        if name != job:
            try:
                validate_recipe(load_job(name).recipe, values, "recipe")
            except InputError:
                continue
            return name
    return None


def _check(request: TrainRequest, recipe: Any, needs: DataNeeds | None) -> None:
    """Check what can be checked before anything is read."""
    if ranks() > 1 and request.job in ONE_PROCESS:
        raise InputError(f"The job {request.job} trains in one process only; run the command without torchrun.")
    if request.tensorboard:
        check_tensorboard()
    if needs is None:
        for name in ("store", "space", "then"):
            if getattr(request, name) is not None:
                raise InputError(f"The job {request.job} reads its own data, and no store; leave out `{name}`.")
    elif request.store is None:
        raise InputError(f"The job {request.job} trains on samples of a store; name a `store`.")
    elif recipe.data.oversample and not needs.repeats:
        raise InputError(
            f"The job {request.job} repeats no samples; leave out `data.oversample`, which classifier, coop and "
            "finetune take."
        )
    if request.then is not None and not request.refresh:
        raise InputError("What `then` evaluates is in the store after a refresh; leave `refresh` on.")
    if request.resume and (request.out is None or not (request.out / STATE).is_file()):
        raise InputError(
            "Name the folder `out` of the run to resume."
            if request.out is None
            else f"There is nothing to resume in {request.out}: it has no {STATE}. Leave out `resume` to begin."
        )


def _free_folder(job: str) -> Path:
    """The first folder ``runs/JOB-n`` that does not exist."""
    number = 1
    while (RUNS / f"{job}-{number}").exists():
        number += 1
    return RUNS / f"{job}-{number}"


def _read_data(
    request: TrainRequest, recipe: Any, needs: DataNeeds, out: Path, study: Study | None, tell: Tell
) -> TrainingData:
    """Read the samples of the store, and check the evaluations to be made afterwards."""
    from retrieval.store.open import open_store
    from training.data.read_training_data import read_training_data

    store = open_store(str(request.store))
    with store.snapshot() as snapshot:
        space = _start_space(request.space or started_from(out), snapshot, needs)
        if study is not None:
            check_study(study, store, snapshot, space)
        data = read_training_data(store, snapshot, space, recipe.data, needs)
    for sentence in data.notes:
        tell(sentence)
    return data


def _start_space(name: str | None, snapshot: Snapshot, needs: DataNeeds) -> SpaceInfo | None:
    """The space to start from; None in a store without spaces, for a job that needs no vectors."""
    if not snapshot.spaces and name is None and not needs.views:
        return None
    return snapshot.space(name)


def _run_job(
    request: TrainRequest, job: TrainingJob, recipe: Config, data: TrainingData | None, out: Path, device: str
) -> TrainingResult:
    """Run the job in its folder; processes other than the first write to one that is thrown away."""
    with ExitStack() as stack:
        folder = out if rank() == 0 else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        origin = None if data is None else RunOrigin.of(str(request.store), data)
        note = stack.enter_context(running(folder, request.job, origin and origin.about()))
        if origin is not None:
            open_run(folder, recipe.model_dump(mode="json"))
            keep_origin(folder, origin)
        if data is not None:
            keep_samples(folder, data)
        settings = RunSettings(device, request.quiet or rank() > 0, request.tensorboard, note.set_begun)
        result = job.run(recipe, data, folder, settings)
        score = None if math.isnan(result.best_score) else result.best_score
        note.set_outcome(RunOutcome(result.interrupted, result.best_epoch, score))
        return result


def _return_to_store(
    request: TrainRequest, data: TrainingData, study: Study | None, report: TrainReport, tell: Tell
) -> None:
    """Bring what was trained into the store, then evaluate it; the report gets both."""
    from retrieval.store.open import open_store
    from training.refresh.request import RefreshRequest
    from training.refresh.run import refresh

    values = {
        "checkpoint": report.out,
        "store": str(request.store),
        "space": None if data.space is None else data.space.fingerprint,
        "device": request.device.partition(":")[0],
        "quiet": request.quiet,
    }
    refreshed = report.refresh = refresh(RefreshRequest.read(values, "refresh"), tell)
    if study is not None and not refreshed.interrupted:
        store, new = open_store(str(request.store)), refreshed.space or refreshed.parent
        with store.snapshot() as snapshot:
            samples = RunSamples.of(data).with_copies(snapshot)
        report.results, report.page = run_study(study, store, report.out, new, refreshed.parent, samples, tell)
