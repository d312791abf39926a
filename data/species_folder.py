"""Write species as a data set: photographs, manifests, labels, captions, attributes and prompts, or nothing at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drawing import jpeg
from data.folder import share_out, stands, whole
from data.species import render, shot_and_camera
from data.species_words import caption, prompt_sets
from data.species_world import ATTRIBUTES, world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.species_world import Species

PHOTOS = 3
"""Photographs of each specimen."""

_ROLES = ("train", "test", "val", "train", "train")  # of a species' specimens, over and over
_SUPPORT = {"val": "train", "test": "test"}
_LONG_TAIL, _RARITY = 14, 50.0  # a stream of random numbers; the commonest has so many times the rarest's images


class Arguments(NamedTuple):
    """What a folder is drawn from; equal arguments give equal bytes."""

    species: int = 60
    images: int = 12
    seed: int = 0
    size: int = 160
    long_tailed: bool = False


class Picture(NamedTuple):
    """One photograph of the plan: ``path`` is relative to the folder, ``split`` that of its specimen."""

    species: int
    specimen: int
    image: int
    split: str
    path: str


def plan(arguments: Arguments) -> list[Picture]:
    """List the photographs of a folder.

    All photographs of a specimen are in one split. Specimens are for training, testing and validation in the
    ratio 3:1:1, except that those of held-out species are for validation and testing only. An image keeps its name and
    its split however many images and species are asked for. In a long-tailed folder a species loses training
    images, all but one at worst; nothing else changes.

    Raises:
        ValueError: fewer than 2 species, 1 image, or 48 pixels, or a negative seed.
    """
    if arguments.images < 1 or arguments.size < 48:
        raise ValueError("Species need at least 1 image each, and a size of 48 pixels.")
    return [
        picture for species in world(arguments.seed, arguments.species) for picture in _of_species(species, arguments)
    ]


def draw_species(out: Path, arguments: Arguments, workers: int | None = None) -> list[Picture]:
    """Draw a folder; it appears at ``out`` when it is whole.

    Args:
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then it stays as it is).
        arguments: what to draw.
        workers: processes; by default one per core.

    Returns:
        The photographs in it.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out`` holds something else, or lacks some of its files.
    """
    pictures = plan(arguments)
    mark = {"sample": "species", **arguments._asdict()}
    if stands(out, mark):
        missing = sum(not (out / picture.path).is_file() for picture in pictures)
        if missing:
            raise FileExistsError(f"{out} lacks {missing:,} of its images; delete it, or choose a new folder.")
        return pictures
    batches: dict[int, list[Picture]] = {}
    for picture in pictures:
        batches.setdefault(picture.species, []).append(picture)
    with whole(out, mark) as folder:
        _write_tables(folder, arguments, pictures)
        share_out(_draw_batch, [(folder, arguments, batch) for batch in batches.values()], len(pictures), workers)
    return pictures


def _of_species(species: Species, arguments: Arguments) -> list[Picture]:
    pictures = []
    for number in range(arguments.images):
        specimen, image = divmod(number, PHOTOS)
        role = ("val", "test")[specimen % 2] if species.held_out else _ROLES[specimen % len(_ROLES)]
        path = f"images/{species.name}/{specimen:03d}-{image}.jpg"
        pictures.append(Picture(species.index, specimen, image, role, path))
    if not arguments.long_tailed:
        return pictures
    training = sum(picture.split == "train" for picture in pictures)
    rng = np.random.default_rng([arguments.seed, _LONG_TAIL, species.index])
    spare = training - max(1, round(training * _RARITY ** -rng.random()))
    kept = iter(range(training))
    return [picture for picture in pictures if picture.split != "train" or next(kept) < training - spare]


def _draw_batch(job: tuple[Path, Arguments, list[Picture]]) -> None:
    folder, arguments, pictures = job
    species = world(arguments.seed, arguments.species)[pictures[0].species]
    (folder / pictures[0].path).parent.mkdir(parents=True)
    for picture in pictures:
        which = (species, picture.specimen, picture.image, arguments.seed, arguments.size)
        _, camera = shot_and_camera(*which)
        (folder / picture.path).write_bytes(jpeg(render(*which), camera.quality))


def _write_tables(folder: Path, arguments: Arguments, pictures: Sequence[Picture]) -> None:
    species = world(arguments.seed, arguments.species)
    rows = [_row(species[picture.species], picture, arguments.seed) for picture in pictures]
    trained, held_out = (
        [row for row, picture in zip(rows, pictures, strict=True) if species[picture.species].held_out is held_out]
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


def _row(species: Species, picture: Picture, seed: int) -> dict[str, str]:
    shot, _ = shot_and_camera(species, picture.specimen, picture.image, seed)
    return {
        "filepath": picture.path,
        "label": species.name,
        "group": f"{species.name} {picture.specimen:03d}",
        "split": picture.split,
        "habitat": shot.habitat,
        "light": shot.light_name,
        "caption": caption(species, picture.specimen, picture.image, seed),
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
    """Write a CSV; ``columns`` are needed where there may be no row."""
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
