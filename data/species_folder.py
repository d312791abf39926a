"""Writes a data set of species: photographs, manifests, labels, captions, attributes and prompts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drawing import jpeg
from data.folder import atomic_folder, is_drawn, run_jobs
from data.species import render, shot_and_camera
from data.species_words import caption, prompt_sets
from data.species_world import ATTRIBUTES, world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.species_world import Species

PHOTOS = 3
"""Number of photographs per specimen."""

_ROLES = ("train", "test", "val", "train", "train")  # split of each specimen of a species, repeated
_SUPPORT = {"val": "train", "test": "test"}
_LONG_TAIL, _RARITY = 14, 50.0  # a stream of random numbers; images of the commonest species per image of the rarest


class SpeciesArguments(NamedTuple):
    """Arguments of a folder; equal arguments give equal bytes."""

    species: int = 60
    images: int = 12
    seed: int = 0
    size: int = 160
    long_tailed: bool = False


class SpeciesPhoto(NamedTuple):
    """One photograph to draw: ``path`` is relative to the folder, ``split`` is the split of its specimen."""

    species: int
    specimen: int
    image: int
    split: str
    path: str


def plan(arguments: SpeciesArguments) -> list[SpeciesPhoto]:
    """List the photographs of a folder.

    All photographs of a specimen are in one split. Specimens are split 3:1:1 into training, testing and validation;
    those of held-out species are for validation and testing only. Name and split of an image do not depend on the
    number of images and species. In a long-tailed folder species lose training images, at most all but one; nothing
    else changes.

    Raises:
        ValueError: fewer than 2 species, 1 image, or 48 pixels, or a negative seed.
    """
    if arguments.images < 1 or arguments.size < 48:
        raise ValueError("Species need at least 1 image each, and a size of 48 pixels.")
    return [photo for species in world(arguments.seed, arguments.species) for photo in _of_species(species, arguments)]


def draw_species(out: Path, arguments: SpeciesArguments, workers: int | None = None) -> list[SpeciesPhoto]:
    """Draw a folder, which appears at ``out`` once it is complete.

    Args:
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then nothing is done).
        arguments: number of species and images, seed and size.
        workers: number of processes; None is one per core.

    Returns:
        The photographs of the folder.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out`` holds something else, or lacks some of its files.
    """
    photos = plan(arguments)
    mark = {"sample": "species", **arguments._asdict()}
    if is_drawn(out, mark):
        missing = sum(not (out / photo.path).is_file() for photo in photos)
        if missing:
            raise FileExistsError(f"{out} lacks {missing:,} of its images; delete it, or choose a new folder.")
        return photos
    batches: dict[int, list[SpeciesPhoto]] = {}
    for photo in photos:
        batches.setdefault(photo.species, []).append(photo)
    with atomic_folder(out, mark) as folder:
        _write_tables(folder, arguments, photos)
        run_jobs(_draw_batch, [(folder, arguments, batch) for batch in batches.values()], len(photos), workers)
    return photos


def _of_species(species: Species, arguments: SpeciesArguments) -> list[SpeciesPhoto]:
    photos = []
    for number in range(arguments.images):
        specimen, image = divmod(number, PHOTOS)
        role = ("val", "test")[specimen % 2] if species.held_out else _ROLES[specimen % len(_ROLES)]
        path = f"images/{species.name}/{specimen:03d}-{image}.jpg"
        photos.append(SpeciesPhoto(species.index, specimen, image, role, path))
    if not arguments.long_tailed:
        return photos
    training = sum(photo.split == "train" for photo in photos)
    rng = np.random.default_rng([arguments.seed, _LONG_TAIL, species.index])
    spare = training - max(1, round(training * _RARITY ** -rng.random()))
    kept = iter(range(training))
    return [photo for photo in photos if photo.split != "train" or next(kept) < training - spare]


def _draw_batch(job: tuple[Path, SpeciesArguments, list[SpeciesPhoto]]) -> None:
    folder, arguments, photos = job
    species = world(arguments.seed, arguments.species)[photos[0].species]
    (folder / photos[0].path).parent.mkdir(parents=True)
    for photo in photos:
        which = (species, photo.specimen, photo.image, arguments.seed, arguments.size)
        _, camera = shot_and_camera(*which)
        (folder / photo.path).write_bytes(jpeg(render(*which), camera.quality))


def _write_tables(folder: Path, arguments: SpeciesArguments, photos: Sequence[SpeciesPhoto]) -> None:
    species = world(arguments.seed, arguments.species)
    rows = [_row(species[photo.species], photo, arguments.seed) for photo in photos]
    trained, held_out = (
        [row for row, photo in zip(rows, photos, strict=True) if species[photo.species].held_out is held_out]
        for held_out in (False, True)
    )
    _table(folder / "manifest.csv", trained)
    for split in ("train", "val", "test"):
        short = ({name: row[name] for name in ("filepath", "label")} for row in trained if row["split"] == split)
        _table(folder / f"{split}.csv", short, ("filepath", "label"))
    support = ({**row, "support": _SUPPORT[row["split"]]} for row in held_out)
    _table(folder / "heldout.csv", support, (*trained[0], "support"))
    _table(folder / "captions.csv", ({name: row[name] for name in ("filepath", "caption", "split")} for row in rows))
    _table(folder / "attributes.csv", (_about(one, species) for one in species))
    _lines(folder / "labels.tsv", (f"{one.index}\t{one.name}\t" for one in species))
    _lines(folder / "heldout_species.txt", (one.name for one in species if one.held_out))
    for name, prompts in prompt_sets(species).items():
        (folder / f"prompts_{name}.json").write_text(json.dumps(prompts, indent=2) + "\n", encoding="utf-8")


def _row(species: Species, photo: SpeciesPhoto, seed: int) -> dict[str, str]:
    shot, _ = shot_and_camera(species, photo.specimen, photo.image, seed)
    return {
        "filepath": photo.path,
        "label": species.name,
        "group": f"{species.name} {photo.specimen:03d}",
        "split": photo.split,
        "habitat": shot.habitat,
        "light": shot.light_name,
        "caption": caption(species, photo.specimen, photo.image, seed),
    }


def _about(one: Species, species: Sequence[Species]) -> dict[str, str]:
    twin = species[one.twin].name if one.twin < len(species) else ""
    looks = {name: one[name] for name in ATTRIBUTES}
    return {
        "label": one.name,
        **looks,
        "twin": twin,
        "differs_in": one.differs_in,
        "held_out": str(one.held_out).lower(),
    }


def _table(path: Path, rows: Iterable[dict[str, str]], columns: Sequence[str] | None = None) -> None:
    """Write a CSV file; ``columns`` are needed where there may be no rows."""
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
