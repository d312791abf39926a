"""Command ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from retrieval.commands.flags import with_flags
from retrieval.commands.option_table import OptionSection, option_rows, print_sections
from retrieval.commands.options import (
    device_option,
    json_option,
    note,
    print_json,
    print_line,
    print_tables,
    space_option,
    store_option,
)
from training.registry import JOBS, load_job

PARTLY = 3
"""Exit status if images could not be embedded after the training; all others were."""


@click.command("train", epilog=f"Jobs: {', '.join(JOBS)}.")
@click.argument("job")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--config",
    "recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Recipe: YAML, or the name of one that ships. Without it, the job's usual one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run. Without it, runs/JOB-1, or the next number that is free.",
)
@click.option(
    "--refresh/--no-refresh",
    default=True,
    show_default=True,
    help="Bring what was trained into the store, and compare it with the old space.",
)
@click.option(
    "--then",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="STUDY.yaml",
    help="Evaluations, and a report, to be made when the job has ended.",
)
@click.option("--resume", is_flag=True, help="Only go on with a run that has begun; refuse to begin one.")
@click.option("--tensorboard", is_flag=True, help="Write losses and metrics for TensorBoard, too.")
@click.option("--options", "list_options", is_flag=True, help="List the keys of the job's recipe.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@store_option
@space_option
@device_option
@json_option
def train_command(job: str, *, list_options: bool, as_json: bool, **parameters: Any) -> None:
    """Train by a recipe; the same command again, with the same --out, goes on where it stopped.

    KEY=VALUE changes the recipe: loop.epochs=5, data.aspect=null; train JOB --options lists the keys. What a job on a
    store has trained becomes a space of the store, or banks, and is compared with the old space. A trained encoder is
    left in OUT/encoder, and index --encoder OUT loads it. Examples: train adapter --store S --space X; train clip
    --config vitrine-tiny --out runs/tiny
    """
    from training.processes import rank
    from training.request import TrainRequest, train

    if list_options:
        print_sections([recipe_section(job)], as_json=as_json)
        return
    values = {**parameters, **_store_of(job, parameters), "job": job, "quiet": parameters["quiet"] or as_json}
    report = train(TrainRequest.read(values, "train"), tell=note)
    if rank() == 0:
        if as_json:
            print_json(report.to_dict())
        else:
            for line in report.lines():
                print_line(with_flags(line, click.get_current_context().command))
            if report.refresh is not None:
                print_tables(report.refresh.tables())
    if report.interrupted:
        click.get_current_context().exit(1)
    if report.refresh is not None and report.refresh.left_out:
        click.get_current_context().exit(PARTLY)


def _store_of(job: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Store and space; of a job that reads no store, only those on the command line, which are then refused."""
    if "data" in load_job(job).recipe.model_fields:
        return {}
    source = click.get_current_context().get_parameter_source
    names = ("store", "space")
    return {name: parameters[name] if source(name) is ParameterSource.COMMANDLINE else None for name in names}


def recipe_section(job: str) -> OptionSection:
    """The keys of a job's recipe, with what they mean.

    Raises:
        UnknownNameError: there is no such job.
    """
    return OptionSection(f"Recipe of the job {job}", tuple(option_rows(load_job(job).recipe)))
