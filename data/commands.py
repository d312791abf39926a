"""Commands of the sample world."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("sample")
def sample_group() -> None:
    """Draw sample images, the same for the same seed."""


@sample_group.command("hands")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to make.")
@click.option("--n", "identities", type=click.IntRange(min=2), default=40, show_default=True, help="Identities.")
@click.option("--images", type=click.IntRange(min=1), default=3, show_default=True, help="Images per aspect of each.")
@click.option("--seed", type=int, default=0, show_default=True)
def hands_command(out: Path, identities: int, images: int, seed: int) -> None:
    """Simple hand-like images in the layout of 11k Hands: four aspects of each identity."""
    from data.hands import draw_hands

    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty; choose a new folder.")
    draw_hands(out, identities=identities, images_per_aspect=images, seed=seed)
    click.echo(f"{identities * images * 4:,} images of {identities} identities in {out}")
