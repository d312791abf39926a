"""Slopes with drains that do not exist, seen from the air, drawn by our own code with YOLO labels of nine classes.

An object's condition shows in it: silt and weeds block a channel, cracks and missing walls damage it, bare patches
damage a rock toe. Every image is a function of (seed, site, number).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drains_paint import Painter, slope
from data.drains_site import CLASSES, Site, Thing, site, things
from data.drawing import Camera, jpeg
from data.folder import share_out, stands, whole, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from data.drawing import Pixels

__all__ = ["CLASSES", "Arguments", "Site", "Thing", "caption", "describe", "draw_drains", "plan", "render", "site"]

PER_SITE = 6
"""Photographs of each site."""

_ROLES = ("train", "valid", "test", *("train",) * 4, "valid", *("train",) * 4)  # of the sites, over and over
_NAMES = {"train": "train", "valid": "val", "test": "test"}  # of the folders, as tables call them

# Streams of random numbers, so that more draws in one do not change another.
_CAMERA, _PIXELS, _CAPTION, _LABELS = 32, 33, 34, 35

_OPENINGS = ("an aerial photo of", "a drone photo of", "an inspection photo of", "a photo of")
_COUNTS = ("no", "a", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Arguments:
    """What a folder is drawn from; equal arguments give equal bytes."""

    images: int = 72
    seed: int = 0
    size: int = 256

    def __post_init__(self) -> None:
        if self.images < 1 or self.size < 64 or self.seed < 0:
            raise ValueError("Drains need at least 1 image, a size of 64 pixels, and a seed of 0 or more.")


class Picture(NamedTuple):
    """One photograph of the plan: ``split`` is that of its site, and the folder it is in."""

    site: int
    number: int
    split: str

    @property
    def stem(self) -> str:
        return f"site{self.site:03d}_{self.number:02d}"

    @property
    def path(self) -> str:
        return f"{self.split}/images/{self.stem}.jpg"


def plan(arguments: Arguments) -> list[Picture]:
    """List the photographs: sites are for training, validation and testing in the ratio 9:2:1, and stay so."""
    numbers = (divmod(at, PER_SITE) for at in range(arguments.images))
    return [Picture(where, number, _ROLES[where % len(_ROLES)]) for where, number in numbers]


def render(where: Site, number: int, *, size: int = 256) -> Pixels:
    """Photograph a site.

    Args:
        where: the site; its seed is that of everything random.
        number: which photograph, from 0.
        size: height and width in pixels, at least 64.

    Returns:
        (size, size, 3) uint8; what it shows and where is ``things(where, number)``.

    Raises:
        ValueError: the size is too small, or the number negative.
    """
    if size < 64 or number < 0:
        raise ValueError("A photograph of a site needs 64 pixels or more, and a number of 0 or more.")
    rng = np.random.default_rng([where.seed, _PIXELS, where.index, number])
    shown = things(where, number)
    foot = max((float(one.outline[:, 1].max()) for one in shown if one.kind == "rock toe"), default=0.68)
    picture = slope(where, size, foot, rng)
    painter = Painter(where, picture, rng)
    painter.tufts(120)
    for thing in shown:
        painter.paint(thing)
    return camera_of(where, number, size).take(np.asarray(picture, np.float32), rng)


def camera_of(where: Site, number: int, size: int) -> Camera:
    """What happened between the scene and its file."""
    rng = np.random.default_rng([where.seed, _CAMERA, where.index, number])
    return Camera.random(rng, float(rng.uniform(0.35, 1)), size // 2)


def describe(thing: Thing) -> str:
    """Name an object and its condition, "a blocked toe drain"; vegetation has no condition."""
    if thing.kind == "vegetation":
        return thing.kind
    return f"a {thing.condition} {thing.kind}"


def caption(where: Site, number: int) -> str:
    """Say what a photograph shows: what kind of slope, and every object with its condition."""
    rng = np.random.default_rng([where.seed, _CAPTION, where.index, number])
    counts = Counter((one.kind, one.condition) for one in things(where, number))
    parts = [
        kind if kind == "vegetation" else f"{_COUNTS[many]} {condition} {kind}{'s' if many > 1 else ''}"
        for (kind, condition), many in counts.items()
    ]
    rng.shuffle(parts)
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)
    return f"{rng.choice(_OPENINGS)} a slope of {where.ground} with {listed}"


def label_lines(where: Site, number: int) -> list[str]:
    """Write the objects of a photograph as YOLO does, 0..1: ``class cx cy w h``, or class and corners of a polygon.

    Of four photographs two have boxes only, one polygons only, and one has both.
    """
    rng = np.random.default_rng([where.seed, _LABELS, where.index, number])
    polygons = (0.0, 0.0, 1.0, 0.5)[int(rng.integers(4))]
    lines = []
    for thing in things(where, number):
        values = thing.outline.ravel() if rng.random() < polygons else thing.box
        lines.append(" ".join([str(thing.number), *(f"{value:.6f}" for value in values)]))
    return lines


def draw_drains(out: Path, arguments: Arguments | None = None, workers: int | None = 1) -> list[Picture]:
    """Draw a folder; it appears at ``out`` when it is whole.

    Args:
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then it stays as it is).
            It receives ``data.yaml``; ``images/`` and ``labels/`` in ``train/``, ``valid/`` and ``test/``;
            ``sites.csv``, which names the site of every image as ``group``; and ``captions.csv``.
        arguments: what to draw.
        workers: processes; None for one per core.

    Returns:
        The photographs in it.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out`` holds something else.
    """
    arguments = arguments or Arguments()
    mark, pictures = {"sample": "drains", **asdict(arguments)}, plan(arguments)
    if stands(out, mark):
        return pictures
    with whole(out, mark) as folder:
        for split in _NAMES:
            for kind in ("images", "labels"):
                (folder / split / kind).mkdir(parents=True)
        jobs = [(folder, arguments, pictures[at : at + PER_SITE]) for at in range(0, len(pictures), PER_SITE)]
        share_out(_draw, jobs, len(pictures), workers)
        _write_tables(folder, arguments, pictures)
    return pictures


def _draw(job: tuple[Path, Arguments, Sequence[Picture]]) -> None:
    folder, arguments, pictures = job
    for picture in pictures:
        where = site(picture.site, arguments.seed)
        quality = camera_of(where, picture.number, arguments.size).quality
        pixels = render(where, picture.number, size=arguments.size)
        (folder / picture.path).write_bytes(jpeg(pixels, quality))
        lines = "".join(f"{line}\n" for line in label_lines(where, picture.number))
        (folder / picture.split / "labels" / f"{picture.stem}.txt").write_text(lines, encoding="utf-8")


def _write_tables(folder: Path, arguments: Arguments, pictures: Sequence[Picture]) -> None:
    names = "".join(f"- '{name}'\n" for name in CLASSES.values())
    splits = "train: train/images\nval: valid/images\ntest: test/images\n"
    (folder / "data.yaml").write_text(f"path: .\n{splits}nc: {len(CLASSES)}\nnames:\n{names}", encoding="utf-8")
    write_table(
        folder / "sites.csv",
        ("filepath", "group", "split"),
        ((one.path, f"site{one.site:03d}", _NAMES[one.split]) for one in pictures),
    )
    write_table(
        folder / "captions.csv",
        ("filepath", "caption", "split"),
        ((one.path, caption(site(one.site, arguments.seed), one.number), _NAMES[one.split]) for one in pictures),
    )
