"""The sample world on which trained encoders are measured, and how a change of it is noticed.

Tables and labels are compared byte by byte. Pixels are compared by the means of blocks, because the last bit of a sine
depends on the instructions of the processor: with and without AVX-512 three of a million values differ, and no mean by
more than 0.05 of 255.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from data import drains, hands, species, species_folder
from data.folder import MARK
from data.hands_people import person
from data.species_world import world as species_world

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

BLOCKS = Path(__file__).parents[1] / "approved" / "sample_world.json"
"""Means of blocks of :data:`PICKED` images of each part, as they were when the world was frozen."""

PICKED, GRID, TOLERANCE = 12, 4, 0.1

SPECIES = species_folder.SpeciesArguments()
HANDS = hands.HandArguments()
DRAINS = drains.DrainArguments()


class FrozenPart(NamedTuple):
    """A part of the world: how to draw it, and SHA-256 of its tables and of its decoded pixels.

    ``pixels`` has two digests where x86-64 processors with and without AVX-512 draw other pixels, in this order.
    """

    draw: Callable[[Path], object]
    write_tables: Callable[[Path], None]
    render: Callable[[], list[NDArray[np.uint8]]]
    tables: str
    pixels: tuple[str, ...]


def tables_digest(folder: Path) -> str:
    """SHA-256 of names and bytes of the files of a part that are no images."""
    digest = hashlib.sha256()
    for path in _files(folder):
        if path.suffix != ".jpg" and path.name != MARK:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def pixels_digest(folder: Path) -> str:
    """SHA-256 of names and decoded pixels of the images of a part."""
    digest = hashlib.sha256()
    for path in _files(folder):
        if path.suffix == ".jpg":
            with Image.open(path) as image:
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + np.asarray(image).tobytes())
    return digest.hexdigest()


def block_means(pixels: NDArray[np.uint8]) -> list[float]:
    """Means of the 4 x 4 blocks of an image (side, side, 3), before it is compressed."""
    side = len(pixels) // GRID
    blocks = pixels.reshape(GRID, side, GRID, side, 3).mean((1, 3))
    return [round(float(value), 2) for value in blocks.ravel()]


def frozen_blocks() -> dict[str, Any]:
    """The means of blocks when the world was frozen, by part."""
    blocks: dict[str, Any] = json.loads(BLOCKS.read_text(encoding="utf-8"))
    return blocks


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _spread(photos: Sequence[Any]) -> list[Any]:
    return [photos[at] for at in np.linspace(0, len(photos) - 1, PICKED).round().astype(int)]


def _species_tables(folder: Path) -> None:
    species_folder._write_tables(folder, SPECIES, species_folder.plan(SPECIES))


def _species_pixels() -> list[NDArray[np.uint8]]:
    kinds = species_world(SPECIES.seed, SPECIES.species)
    picked = _spread(species_folder.plan(SPECIES))
    return [species.render(kinds[one.species], one.specimen, one.image, SPECIES.seed, SPECIES.size) for one in picked]


def _hands_tables(folder: Path) -> None:
    hands._write_tables(folder, HANDS, hands.plan(HANDS))


def _hands_pixels() -> list[NDArray[np.uint8]]:
    return [
        hands.render(person(one.person, HANDS.seed), one.aspect, one.sitting, one.image, size=HANDS.size)
        for one in _spread(hands.plan(HANDS))
    ]


def _drains_tables(folder: Path) -> None:
    photos = drains.plan(DRAINS)
    drains._write_tables(folder, DRAINS, photos)
    for photo in photos:
        labels = folder / photo.split / "labels" / f"{photo.stem}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        lines = drains.label_lines(drains.make_site(photo.site, DRAINS.seed), photo.number)
        labels.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _drains_pixels() -> list[NDArray[np.uint8]]:
    return [
        drains.render(drains.make_site(one.site, DRAINS.seed), one.number, size=DRAINS.size)
        for one in _spread(drains.plan(DRAINS))
    ]


WORLD = {
    "species": FrozenPart(
        lambda out: species_folder.draw_species(out, SPECIES),
        _species_tables,
        _species_pixels,
        tables="8dc3276fd76f36ccd2b36f779a2213482df9ebaabb9ee60ad1987232819537c8",
        pixels=(
            "00a98a951d3019efd75a642aca07ec340e8d5fa9a317af752ca76ff4866ac561",
            "892ff5fc2223754e417fe291697217e7faf26bd2ad02d31b34e87a19d83d788a",
        ),
    ),
    "hands": FrozenPart(
        lambda out: hands.draw_hands(out, workers=None),
        _hands_tables,
        _hands_pixels,
        tables="71349e32cacfee6b21b2a0cc8b59442d1289b5701360fa63bc5f798b01d26a16",
        pixels=("c89a424120998809614f0dc47e4f8fe906716fe1fae5a33f5a5093a98a8b7c61",),
    ),
    "drains": FrozenPart(
        lambda out: drains.draw_drains(out, DRAINS, None),
        _drains_tables,
        _drains_pixels,
        tables="8b25eafcf16fefcc7e0bc875044e955b6153f9439ba5e55ebc3ee0a7ebff52fe",
        pixels=("c49fb3d11e66d39de73527df959a7265cd40747054f3faf524b6409f27727e28",),
    ),
}
"""What ``vitrine sample PART`` draws without other options, as ``make demo`` calls it."""
