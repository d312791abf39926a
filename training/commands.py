"""Command ``train``."""

from __future__ import annotations

from pathlib import Path

import click

from retrieval.commands.option_table import OptionSection, option_rows, print_sections
from retrieval.commands.options import device_option, json_option, print_json, print_line
from training.registry import JOBS, load_job


@click.command("train", epilog=f"Jobs: {', '.join(JOBS)}.")
@click.argument("job")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--config",
    "recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Recipe: YAML, or the name of one that ships.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the run.")
@click.option("--options", "list_options", is_flag=True, help="List the keys of the job's recipe.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@device_option
@json_option
def train_command(
    job: str,
    overrides: tuple[str, ...],
    recipe: Path | None,
    out: Path | None,
    device: str,
    *,
    list_options: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train an encoder by a recipe; the same command again goes on where it stopped.

    KEY=VALUE changes the recipe: loop.epochs=5, sources.hands.path=DIR, sources.drains=null; train JOB --options lists
    the keys. The encoder is left in OUT/encoder, and index --encoder OUT loads it. Example: train clip --config
    vitrine-tiny --out runs/tiny
    """
    from retrieval.encoders.artefact import find_card
    from training.request import TrainRequest, train

    if list_options:
        print_sections([recipe_section(job)], as_json=as_json)
        return
    if recipe is None or out is None:
        missing = "--config" if recipe is None else "--out"
        raise click.MissingParameter(param_hint=f"'{missing}'", param_type="option")
    values = {
        "job": job, "recipe": recipe, "out": out, "overrides": overrides, "device": device, "quiet": quiet or as_json,
    }  # fmt: skip
    fitted = train(TrainRequest.read(values, "train"))
    card = find_card(out)
    if as_json:
        print_json(
            {
                "epochs": len(fitted.history),
                "best_epoch": fitted.best_epoch,
                "best_score": fitted.best_score if fitted.history else None,
                "interrupted": fitted.interrupted,
                "out": str(out),
                "encoder": str(card.parent) if card is not None else None,
            }
        )
    elif fitted.interrupted:
        print_line(f"Stopped after {len(fitted.history)} epochs; the same command goes on.")
    else:
        print_line(f"{len(fitted.history)} epochs; best: epoch {fitted.best_epoch}, score {fitted.best_score:.4f}")
        if card is not None:
            print_line(f"Encoder: {card.parent}")
    if fitted.interrupted:
        click.get_current_context().exit(1)


def recipe_section(job: str) -> OptionSection:
    """The keys of a job's recipe, with what they mean.

    Raises:
        UnknownNameError: there is no such job.
    """
    return OptionSection(f"Recipe of the job {job}", tuple(option_rows(load_job(job).recipe)))
