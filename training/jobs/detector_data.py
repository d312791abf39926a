"""The images of the job ``detector``, with the boxes of their objects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexers.sources.registry import open_source
from retrieval.detectors.letterbox import letterbox, placement
from retrieval.errors import InputError, VitrineError, first_names, unknown
from retrieval.images import image_frame, read_image, upright
from retrieval.types import Box, Float32, Int64, Preprocess, UInt8
from training.hardware import decoding_threads
from training.image_cache import cached_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.jobs.detector_recipe import DetectorRecipe, LabelledFolder


class LabelledImage(NamedTuple):
    """An image file, and the boxes and types of its objects."""

    path: Path
    objects: tuple[tuple[Box, str], ...]


class DetectorData(NamedTuple):
    """The images to train on, the held-out images, names of the classes, and sentences for the user."""

    train: list[LabelledImage]
    val: list[LabelledImage]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoxedImages:
    """n letterboxed images.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        edges: for every image (k, 4) float32, x1, y1, x2, y2 in pixels of the square.
        classes: for every image (k,).
        paths: their files.
    """

    pixels: UInt8
    edges: Sequence[Float32]
    classes: Sequence[Int64]
    paths: Sequence[Path]


def read_detector_data(recipe: DetectorRecipe) -> DetectorData:
    """Read the images and objects that a recipe names.

    Raises:
        MissingFileError: a folder does not exist.
        InputError: a folder cannot be read, or train or val has no object.
        UnknownNameError: no source has a type that the recipe asks for.
    """
    parts: dict[str, list[LabelledImage]] = {"train": [], "val": []}
    notes: list[str] = []
    types: set[str] = set()
    for name, folder in recipe.sources.items():
        if folder is not None:
            images, told = _read_folder(name, folder)
            notes += told
            types |= {kind for part in images.values() for image in part for _, kind in image.objects}
            parts["train"] += images["train"]
            rows = np.linspace(0, len(images["val"]) - 1, min(recipe.val_images, len(images["val"]))).round()
            parts["val"] += [images["val"][int(row)] for row in rows]
    classes = recipe.classes or tuple(sorted(types))
    for kind in classes:
        if kind not in types:
            raise unknown("type of object", kind, types)
    if types - set(classes):
        notes.append(f"Not learnt, as `classes` does not name them: {first_names(sorted(types - set(classes)), 8)}.")
    train, val = ([_only(image, classes) for image in parts[split]] for split in ("train", "val"))
    where = ", ".join(str(folder.path) for folder in recipe.sources.values() if folder is not None)
    for split, part in (("train", train), ("val", val)):
        if not any(image.objects for image in part):
            raise InputError(
                f"{where}: the {len(part)} images of the split {split} have no objects; check their label files and "
                "the splits that data.yaml names."
            )
    return DetectorData(train, val, classes, tuple(notes))


def _only(image: LabelledImage, classes: Sequence[str]) -> LabelledImage:
    return LabelledImage(image.path, tuple(one for one in image.objects if one[1] in classes))


def _read_folder(name: str, folder: LabelledFolder) -> tuple[dict[str, list[LabelledImage]], list[str]]:
    """Read a source: its images of train and val, and sentences about it."""
    source = open_source(folder.path, "yolo", name, {"split": dict(folder.split), "class_map": folder.class_map})
    splits: dict[str, str | None] = {}
    objects: dict[str, list[tuple[Box, str]]] = {}
    for sample in source:
        splits[sample.uri] = sample.split
        listed = objects.setdefault(sample.uri, [])
        if sample.box is not None:
            listed.append((sample.box, str(sample.meta.get("object", sample.label))))
    images: dict[str, list[LabelledImage]] = {"train": [], "val": []}
    for uri, split in splits.items():
        if split in images:
            images[split].append(LabelledImage(source.root / uri, tuple(objects[uri])))
    notes = [f"{name}: {note}" for note in source.notes if " images have none" in note or "objects with" in note]
    if source.problems:
        first = source.problems[0]
        notes.append(f"{name}: {len(source.problems)} labels could not be used (first {first.where}: {first.reason}).")
    return images, notes


def load_boxed(
    images: Sequence[LabelledImage], classes: Sequence[str], size: int, cache: Path, what: str, *, quiet: bool
) -> BoxedImages:
    """Decode images into a file that is made once, and convert their boxes to pixels.

    Raises:
        InputError: an image cannot be decoded.
        MissingFileError: an image does not exist.
    """

    def decode(number: int) -> UInt8:
        return _square(images[number].path, size)

    paths = [image.path for image in images]
    plain = Preprocess(size, (size, size), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", "longest")
    threads = decoding_threads()
    pixels = cached_pixels(cache, _key(paths, size), len(paths), plain, decode, what, threads=threads, quiet=quiet)
    row = {name: number for number, name in enumerate(classes)}
    edges = [_edges(image, size) for image in images]
    kinds = [np.array([row[kind] for _, kind in image.objects], np.int64) for image in images]
    return BoxedImages(pixels, edges, kinds, paths)


def _square(path: Path, size: int) -> UInt8:
    try:
        pixels = letterbox(upright(read_image(path)).image, (size, size)).pixels[0]
    except VitrineError as error:
        raise InputError(f"{path}: {error}") from None
    return np.ascontiguousarray((pixels.transpose(1, 2, 0) * 255).round().astype(np.uint8))


def _edges(image: LabelledImage, size: int) -> Float32:
    """Boxes of an image in pixels of its square (k, 4)."""
    boxes = [box for box, _ in image.objects]
    corners = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    inner, offset = placement(image_frame(image.path).size, (size, size))
    table = np.array(corners, np.float64).reshape(-1, 4)
    edges: Float32 = (table * np.tile(inner, 2) + np.tile(offset, 2)).astype(np.float32)
    return edges


def _key(paths: Sequence[Path], size: int) -> str:
    """Text that changes with the images: their paths, sizes and times."""
    digest = hashlib.sha256(str(size).encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
