"""The command ``sample``, which draws folders of images."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("sample")
def sample_group() -> None:
    """Draw sample images, the same for the same seed."""


@sample_group.command("hands")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to make.")
@click.option("--n", "identities", type=click.IntRange(min=2), default=40, show_default=True, help="Identities.")
@click.option("--images", type=click.IntRange(min=1), default=3, show_default=True, help="Sittings per aspect of each.")
@click.option("--burst", type=click.IntRange(min=1), default=1, show_default=True, help="Images per sitting.")
@click.option(
    "--train-share", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Identities to train with."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--size", type=click.IntRange(32, 1024), default=160, show_default=True, help="Pixels per side.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one per core].")
def hands_command(
    out: Path,
    *,
    identities: int,
    images: int,
    burst: int,
    train_share: float,
    seed: int,
    size: int,
    workers: int | None,
) -> None:
    """Hands of people who do not exist in the layout of 11k Hands: four aspects of each identity.

    Beside it: people.csv (attributes), captions.csv, and sittings.csv, a manifest with each burst as a group.
    """
    from data.hands import draw_hands

    try:
        draw_hands(out, identities, images, seed, size, burst=burst, train_share=train_share, workers=workers)
    except (FileExistsError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{identities * images * burst * 4:,} images of {identities} identities in {out}")
    click.echo(f"Next: index {out}")
    click.echo("      eval --mode reid --protocol clipfh-11k --aspect all")


@sample_group.command("drains")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to make.")
@click.option("--n", "images", type=click.IntRange(min=1), default=72, show_default=True, help="Images, six a site.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--size", type=click.IntRange(64, 1024), default=256, show_default=True, help="Pixels per side.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one per core].")
def drains_command(out: Path, *, images: int, seed: int, size: int, workers: int | None) -> None:
    """Slopes with drains that do not exist, with YOLO labels: boxes and polygons of nine classes.

    Beside them: sites.csv, which names the site of each image as its group, and captions.csv.
    """
    from data.drains import DrainArguments, draw_drains

    try:
        photos = draw_drains(out, DrainArguments(images, seed, size), workers)
    except FileExistsError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{len(photos):,} images of {len({photo.site for photo in photos})} sites in {out}")
    click.echo(f"Next: index {out / 'sites.csv'} --column label=")
    click.echo('      search --text "a slope of dry grass with a damaged rock toe"')


@sample_group.command("species")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to make.")
@click.option("--n", "images", type=click.IntRange(min=1), default=12, show_default=True, help="Images per species.")
@click.option("--species", type=click.IntRange(2, 400), default=60, show_default=True, help="Species.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--size", type=click.IntRange(48, 1024), default=160, show_default=True, help="Pixels per side.")
@click.option("--long-tailed", is_flag=True, help="Few training images of most species, many of some.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one per core].")
def species_command(
    out: Path, *, images: int, species: int, seed: int, size: int, long_tailed: bool, workers: int | None
) -> None:
    """Photographs of mushroom-like species that do not exist, with manifests, attributes and prompts.

    One pair of species in five is held out of manifest.csv, for encoders to be tested on: heldout.csv.
    """
    from data.species_folder import SpeciesArguments, draw_species

    arguments = SpeciesArguments(species, images, seed, size, long_tailed)
    try:
        photos = draw_species(out, arguments, workers)
    except FileExistsError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{len(photos):,} images of {species} species in {out}")
    click.echo(f"Next: index {out / 'manifest.csv'}")
    click.echo(f"      eval --mode zeroshot --prompts {out / 'prompts_attr_clean.json'}")
