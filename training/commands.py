"""Command ``train``."""

from __future__ import annotations

from pathlib import Path

import click

from retrieval.commands.options import device_option, json_option, print_json


@click.command("train")
@click.argument("job")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--config",
    "recipe",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Recipe: YAML, or the name of one that ships.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the run.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@device_option
@json_option
def train_command(
    job: str,
    overrides: tuple[str, ...],
    recipe: Path,
    out: Path,
    device: str,
    quiet: bool,  # noqa: FBT001 - Click passes flags by name
    as_json: bool,  # noqa: FBT001
) -> None:
    """Train an encoder by a recipe; the same command again goes on where it stopped. Jobs: clip.

    KEY=VALUE changes the recipe: loop.epochs=5, sources.hands.path=DIR, sources.drains=null. Job clip leaves an
    encoder in OUT/encoder. Example: train clip --config vitrine-tiny --out runs/tiny
    """
    from training.config import read_recipe
    from training.registry import load_job

    fitted = load_job(job).run(read_recipe(recipe, overrides), out, device=device, quiet=quiet or as_json)
    if as_json:
        print_json(
            {
                "epochs": len(fitted.history),
                "best_epoch": fitted.best_epoch,
                "best_score": fitted.best_score if fitted.history else None,
                "interrupted": fitted.interrupted,
                "out": str(out),
                "encoder": str(out / "encoder"),
            }
        )
    elif fitted.interrupted:
        click.echo(f"Stopped after {len(fitted.history)} epochs; the same command goes on.")
    else:
        click.echo(f"{len(fitted.history)} epochs; best: epoch {fitted.best_epoch}, score {fitted.best_score:.4f}")
        click.echo(f"Encoder: {out / 'encoder'}")
    if fitted.interrupted:
        click.get_current_context().exit(1)
