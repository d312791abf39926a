"""Draws invented slopes with drains, seen from the air, with YOLO labels of nine classes.

The condition of an object is visible: silt and weeds block a channel, cracks and missing walls damage it, bare
patches damage a rock toe. Every image is a function of (seed, site, number).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drains_paint import Painter, slope
from data.drains_site import CLASSES, Site, SiteObject, make_site, site_objects
from data.drawing import Camera, jpeg
from data.folder import atomic_folder, is_drawn, run_jobs, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from data.drawing import Pixels

__all__ = [
    "CLASSES",
    "DrainArguments",
    "Site",
    "SiteObject",
    "caption",
    "describe",
    "draw_drains",
    "make_site",
    "plan",
    "render",
]

PER_SITE = 6
"""Number of photographs per site."""

_ROLES = ("train", "valid", "test", *("train",) * 4, "valid", *("train",) * 4)  # split of each site, repeated
_NAMES = {"train": "train", "valid": "val", "test": "test"}  # name of the folder -> name of the split in tables

# Streams of random numbers, so that more draws in one do not change another.
_CAMERA, _PIXELS, _CAPTION, _LABELS = 32, 33, 34, 35

_OPENINGS = ("an aerial photo of", "a drone photo of", "an inspection photo of", "a photo of")
_COUNTS = ("no", "a", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class DrainArguments:
    """Arguments of a folder; equal arguments give equal bytes."""

    images: int = 72
    seed: int = 0
    size: int = 256

    def __post_init__(self) -> None:
        if self.images < 1 or self.size < 64 or self.seed < 0:
            raise ValueError("Drains need at least 1 image, a size of 64 pixels, and a seed of 0 or more.")


class DrainPhoto(NamedTuple):
    """One photograph to draw; ``split`` is the split of its site and the name of its folder."""

    site: int
    number: int
    split: str

    @property
    def stem(self) -> str:
        return f"site{self.site:03d}_{self.number:02d}"

    @property
    def path(self) -> str:
        return f"{self.split}/images/{self.stem}.jpg"


def plan(arguments: DrainArguments) -> list[DrainPhoto]:
    """List the photographs. Sites are split 9:2:1 into training, validation and testing, whatever their number."""
    numbers = (divmod(at, PER_SITE) for at in range(arguments.images))
    return [DrainPhoto(site, number, _ROLES[site % len(_ROLES)]) for site, number in numbers]


def render(site: Site, number: int, *, size: int = 256) -> Pixels:
    """Photograph a site.

    Args:
        site: the site; all random numbers derive from its seed.
        number: number of the photograph, from 0.
        size: height and width in pixels, at least 64.

    Returns:
        (size, size, 3) uint8; ``site_objects(site, number)`` lists the objects that it shows.

    Raises:
        ValueError: the size is too small, or the number negative.
    """
    if size < 64 or number < 0:
        raise ValueError("A photograph of a site needs 64 pixels or more, and a number of 0 or more.")
    rng = np.random.default_rng([site.seed, _PIXELS, site.index, number])
    shown = site_objects(site, number)
    foot = max((float(one.outline[:, 1].max()) for one in shown if one.kind == "rock toe"), default=0.68)
    picture = slope(site, size, foot, rng)
    painter = Painter(site, picture, rng)
    painter.tufts(120)
    for item in shown:
        painter.paint(item)
    return camera_of(site, number, size).take(np.asarray(picture, np.float32), rng)


def camera_of(site: Site, number: int, size: int) -> Camera:
    """The camera of a photograph: exposure, blur, noise and JPEG quality."""
    rng = np.random.default_rng([site.seed, _CAMERA, site.index, number])
    return Camera.random(rng, float(rng.uniform(0.35, 1)), size // 2)


def describe(item: SiteObject) -> str:
    """Name an object and its condition, "a blocked toe drain"; vegetation has no condition."""
    if item.kind == "vegetation":
        return item.kind
    return f"a {item.condition} {item.kind}"


def caption(site: Site, number: int) -> str:
    """Describe a photograph: the kind of slope, and every object with its condition."""
    rng = np.random.default_rng([site.seed, _CAPTION, site.index, number])
    counts = Counter((one.kind, one.condition) for one in site_objects(site, number))
    parts = [
        kind if kind == "vegetation" else f"{_COUNTS[many]} {condition} {kind}{'s' if many > 1 else ''}"
        for (kind, condition), many in counts.items()
    ]
    rng.shuffle(parts)
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)
    return f"{rng.choice(_OPENINGS)} a slope of {site.ground} with {listed}"


def label_lines(site: Site, number: int) -> list[str]:
    """Write the objects of a photograph as YOLO does, 0..1: ``class cx cy w h``, or class and corners of a polygon.

    Of four photographs two have boxes only, one polygons only, and one has both.
    """
    rng = np.random.default_rng([site.seed, _LABELS, site.index, number])
    polygons = (0.0, 0.0, 1.0, 0.5)[int(rng.integers(4))]
    lines = []
    for item in site_objects(site, number):
        values = item.outline.ravel() if rng.random() < polygons else item.box
        lines.append(" ".join([str(item.number), *(f"{value:.6f}" for value in values)]))
    return lines


def draw_drains(out: Path, arguments: DrainArguments | None = None, workers: int | None = 1) -> list[DrainPhoto]:
    """Draw a folder, which appears at ``out`` once it is complete.

    Args:
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then nothing is done).
            The folder holds ``data.yaml``; ``images/`` and ``labels/`` in ``train/``, ``valid/`` and ``test/``;
            ``sites.csv``, which names the site of every image as ``group``; and ``captions.csv``.
        arguments: number of images, seed and size.
        workers: number of processes; None is one per core.

    Returns:
        The photographs of the folder.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out`` holds something else.
    """
    arguments = arguments or DrainArguments()
    mark, photos = {"sample": "drains", **asdict(arguments)}, plan(arguments)
    if is_drawn(out, mark):
        return photos
    with atomic_folder(out, mark) as folder:
        for split in _NAMES:
            for kind in ("images", "labels"):
                (folder / split / kind).mkdir(parents=True)
        jobs = [(folder, arguments, photos[at : at + PER_SITE]) for at in range(0, len(photos), PER_SITE)]
        run_jobs(_draw, jobs, len(photos), workers)
        _write_tables(folder, arguments, photos)
    return photos


def _draw(job: tuple[Path, DrainArguments, Sequence[DrainPhoto]]) -> None:
    folder, arguments, photos = job
    for photo in photos:
        site = make_site(photo.site, arguments.seed)
        quality = camera_of(site, photo.number, arguments.size).quality
        pixels = render(site, photo.number, size=arguments.size)
        (folder / photo.path).write_bytes(jpeg(pixels, quality))
        lines = "".join(f"{line}\n" for line in label_lines(site, photo.number))
        (folder / photo.split / "labels" / f"{photo.stem}.txt").write_text(lines, encoding="utf-8")


def _write_tables(folder: Path, arguments: DrainArguments, photos: Sequence[DrainPhoto]) -> None:
    names = "".join(f"- '{name}'\n" for name in CLASSES.values())
    splits = "train: train/images\nval: valid/images\ntest: test/images\n"
    (folder / "data.yaml").write_text(f"path: .\n{splits}nc: {len(CLASSES)}\nnames:\n{names}", encoding="utf-8")
    write_table(
        folder / "sites.csv",
        ("filepath", "group", "split"),
        ((photo.path, f"site{photo.site:03d}", _NAMES[photo.split]) for photo in photos),
    )
    write_table(
        folder / "captions.csv",
        ("filepath", "caption", "split"),
        (
            (photo.path, caption(make_site(photo.site, arguments.seed), photo.number), _NAMES[photo.split])
            for photo in photos
        ),
    )
