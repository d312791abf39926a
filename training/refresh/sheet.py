"""The contact sheet of the images that moved most, from stored thumbnails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.search.sheets import RIGHT, WRONG
from retrieval.sheet import PER_ROW, Tile, contact_sheet

if TYPE_CHECKING:
    from retrieval.types.store import Snapshot
    from training.refresh.report import MovedImage, NeighbourChange

SIDE = PER_ROW // 2
"""Tiles of a row before, and after: the image, and its nearest neighbours."""


def write_moved_sheet(snapshot: Snapshot, change: NeighbourChange, title: str, out: Path) -> None:
    """Write a PNG with a row per image: the image and its nearest before, then the image and its nearest after.

    Neighbours of the image's class or identity have a green frame, others a red one.

    Raises:
        InputError: ``out`` cannot be written.
    """
    ids = {name for image in change.moved for name in (image.id, *image.before[: SIDE - 1], *image.after[: SIDE - 1])}
    keys = dict(zip(*snapshot.samples(["id", "key"], id=sorted(ids)).to_pydict().values(), strict=True))
    pictures = snapshot.thumbnails(list(keys.values()))
    thumbnails = {name: pictures.get(key) for name, key in keys.items()}
    tiles = [tile for image in change.moved for tile in _row(image, change.k, thumbnails)]
    contact_sheet(None, tiles, out, title)


def _row(image: MovedImage, k: int, thumbnails: dict[str, bytes | None]) -> list[Tile]:
    tiles = []
    kept = f"kept {round(image.overlap * k)} of {k}"
    for side, ids, names in (
        ("before", image.before, image.names_before),
        ("after", image.after, image.names_after),
    ):
        tiles.append(Tile(thumbnails.get(image.id), (f"{side}: {kept}", image.name, Path(image.uri).name)))
        nearest = list(zip(ids, names, strict=True))[: SIDE - 1]
        for at, (name_of_sample, name) in enumerate(nearest, 1):
            frame = None if not (name and image.name) else RIGHT if name == image.name else WRONG
            tiles.append(Tile(thumbnails.get(name_of_sample), (f"{side} {at}", name), frame))
        tiles += [Tile(None)] * (SIDE - 1 - len(nearest))
    return tiles
