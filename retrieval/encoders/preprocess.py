"""Preprocess images to the uint8 pixels of an encoder, and read overrides of the preprocessing.

Pixels equal those of ``open_clip``'s ``image_transform``, timm's evaluation transform and torchvision's weight presets
for an RGB image, before they are scaled to [0, 1]. For a crop that is not square, ``resize`` is the shorter side of a
box with the shape of the crop, which the image covers (``shortest``), fits into (``longest``) or is stretched to
(``squash``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from PIL import Image, ImageOps

from retrieval.config import parse_assignments, split_commas
from retrieval.errors import InputError, MissingFileError, unknown
from retrieval.text_files import read_yaml
from retrieval.types import Interpolation, Preprocess, ResizeMode, UInt8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
KEYS = ("resize", "crop", "mean", "std", "interpolation", "mode", "fill", "img_size")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The usual normalisation of models that were trained on ImageNet."""

OPEN_SIZE = (1, 1)
"""Crop of a preprocessing whose size the model leaves open; it must be given."""

_NO_BRACKETS = str.maketrans("", "", "[]()")
LARGEST = 2**26
"""Resized images with more pixels are computed only where they are cropped (1 x 5000 would become 224 x 1,120,000)."""


def pixels(image: Image.Image, preprocess: Preprocess) -> UInt8:
    """Resize and crop one image; Pillow releases the interpreter lock meanwhile.

    Args:
        image: any Pillow image, rotated by its Exif orientation.
        preprocess: size, crop and interpolation; mean and std are applied by the encoder.

    Returns:
        Pixels (height, width, 3) uint8, contiguous and writable.

    Raises:
        InputError: the image has no pixels, or its colours cannot be converted to RGB.
    """
    if 0 in image.size:
        raise InputError(f"The image has no pixels ({image.width} x {image.height}).")
    rgb = to_rgb(image)
    size = _resized_size(rgb.size, preprocess)
    if size[0] * size[1] > LARGEST:
        rgb = _resized_centre(rgb, size, preprocess)
    elif size != rgb.size:
        rgb = rgb.resize(size, RESAMPLING[preprocess.interpolation])
    return np.array(_crop_or_pad(rgb, preprocess))


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any Pillow image to RGB; transparency is dropped, and 16-bit grey is scaled to 8 bits.

    Raises:
        InputError: Pillow cannot convert this mode, or the pixels are numbers without an agreed range.
    """
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise InputError("An image of floating-point pixels has no agreed range; save it with 8 or 16 bits.")
    if image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise InputError(f"An image of mode {image.mode} cannot be turned into RGB ({error}).") from None


def _eight_bits(grey: np.ndarray) -> UInt8:
    """Scale pixels (height, width) from 16 to 8 bits.

    Raises:
        InputError: values lie outside the range of 16 bits.
    """
    if grey.min() < 0 or grey.max() > 65535:
        limits = f"{grey.min()} to {grey.max()}"
        raise InputError(f"An image of integers from {limits} has no agreed range; save it with 8 or 16 bits.")
    scaled = np.empty(grey.shape, np.uint8)
    for row, line in enumerate(grey):  # by rows, because the numbers in between are four times as large
        scaled[row] = (line.astype(np.uint32) * 255 + 32767) // 65535
    return scaled


def _box(preprocess: Preprocess) -> tuple[int, int]:
    """Return (height, width) of the box with the shape of the crop whose shorter side is ``resize``."""
    height, width = preprocess.crop
    short = min(height, width)
    return round(preprocess.resize * height / short), round(preprocess.resize * width / short)


def _resized_size(size: tuple[int, int], preprocess: Preprocess) -> tuple[int, int]:
    """Return (width, height) after resizing; truncated for square boxes in mode ``shortest``, else rounded."""
    width, height = size
    box_height, box_width = _box(preprocess)
    if preprocess.mode == "squash":
        return box_width, box_height
    if preprocess.mode == "shortest" and box_height == box_width:
        side = preprocess.resize
        if width <= height:
            return side, max(1, int(side * height / width))
        return max(1, int(side * width / height)), side
    pick = min if preprocess.mode == "shortest" else max
    ratio = pick(height / box_height, width / box_width)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _offset(length: int, crop: int) -> int:
    return round((length - crop) / 2.0)


def _crop_or_pad(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """Crop the centre; shorter sides are padded first, with an odd pixel at the right and the bottom."""
    height, width = preprocess.crop
    missing_w, missing_h = max(0, width - image.width), max(0, height - image.height)
    if missing_w or missing_h:
        border = (missing_w // 2, missing_h // 2, (missing_w + 1) // 2, (missing_h + 1) // 2)
        image = ImageOps.expand(image, border, (preprocess.fill,) * 3)
    if image.size == (width, height):
        return image
    left, top = _offset(image.width, width), _offset(image.height, height)
    return image.crop((left, top, left + width, top + height))


def _resized_centre(image: Image.Image, size: tuple[int, int], preprocess: Preprocess) -> Image.Image:
    """Resize only the part of a very long image that is cropped, to bound memory."""
    height, width = preprocess.crop
    keep_w, keep_h = min(width, size[0]), min(height, size[1])
    left, top = _offset(size[0], keep_w), _offset(size[1], keep_h)
    across, down = image.width / size[0], image.height / size[1]
    box = (left * across, top * down, (left + keep_w) * across, (top + keep_h) * down)
    return image.resize((keep_w, keep_h), RESAMPLING[preprocess.interpolation], box=box)


def override(preprocess: Preprocess, items: Sequence[str]) -> Preprocess:
    """Return the preprocessing of a model with values replaced by the items of the option ``preprocess``.

    Each item is a YAML or JSON file, or ``key=value`` pairs separated by commas. Keys: ``resize`` (pixels),
    ``crop`` (``300``, or height by width, ``256x128``), ``mean`` and ``std`` (one number, or three:
    ``0.48/0.46/0.41`` or ``[0.48, 0.46, 0.41]``), ``interpolation``, ``mode`` (shortest, longest, squash), ``fill``
    (0-255, the colour of padding), ``img_size`` (as ``crop``; ``resize`` changes in proportion). Later items win.

    Raises:
        MissingFileError: an item without ``=`` names no file.
        UnknownNameError: a key, an interpolation or a mode that does not exist.
        InputError: a value that cannot be used.
    """
    for item in items:
        where, values = _read_item(item)
        for key, value in values.items():
            if key not in KEYS:
                raise unknown(f"preprocessing key (in {where})", str(key), KEYS)
            checked = _value(str(key), value, where)
            changed = {str(key): checked} if key != "img_size" else _resized(preprocess, checked)
            preprocess = replace(preprocess, **changed)
    return preprocess


def is_open(preprocess: Preprocess) -> bool:
    """Return whether the size of the images, which the model leaves open, is not given yet."""
    return OPEN_SIZE[0] in (preprocess.resize, *preprocess.crop)


def _resized(preprocess: Preprocess, crop: tuple[int, int]) -> dict[str, Any]:
    """Return crop and resize for another size of images; their ratio stays."""
    ratio = preprocess.resize / min(preprocess.crop)
    return {"crop": crop, "resize": max(1, round(ratio * min(crop)))}


def _read_item(item: str) -> tuple[str, Mapping[Any, Any]]:
    if "=" in item and not Path(item).is_file():
        return "`preprocess`", parse_assignments(_pairs(item), "`preprocess`")
    path = Path(item)
    if not path.is_file():
        raise MissingFileError(f"`preprocess={item}`: no such file; give a YAML or JSON file, or key=value pairs.")
    values = read_yaml(path, "a file of preprocessing")
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no 'key: value' lines; keys are {', '.join(KEYS)}.")
    return str(path), values


def _pairs(item: str) -> list[str]:
    """Return the ``key=value`` pairs of an item; the numbers of a value may be separated by commas too."""
    pairs: list[str] = []
    for part in filter(None, split_commas(item.translate(_NO_BRACKETS))):
        if "=" in part or not pairs:
            pairs.append(part)
        else:
            pairs[-1] += f"/{part}"
    return pairs


def _value(key: str, value: Any, where: str) -> Any:
    """Check a value and convert it to the type of its field."""
    if key in ("interpolation", "mode"):
        names = get_args(Interpolation if key == "interpolation" else ResizeMode)
        if value not in names:
            raise unknown(f"{key} (in {where})", str(value), names)
        return value
    if key in ("mean", "std"):
        return _three_numbers(key, value, where)
    if key in ("crop", "img_size"):
        sides = value if isinstance(value, list) else str(value).lower().split("x")
        lengths = [_whole(key, side, where, 1, 8192) for side in sides]
        if len(lengths) > 2:
            raise InputError(f"{where}: {key}={value} cannot be used; give one side, or height by width as 256x128.")
        return (lengths[0], lengths[-1])
    return _whole(key, value, where, *((0, 255) if key == "fill" else (1, 8192)))


def _whole(key: str, value: Any, where: str, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise InputError(f"{where}: {key}={value} cannot be used; it must be a whole number from {low} to {high}.")
    return number


def _three_numbers(key: str, value: Any, where: str) -> tuple[float, float, float]:
    parts = value if isinstance(value, list) else str(value).split("/")
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or (key == "std" and min(numbers) <= 0):
        kind = "positive numbers" if key == "std" else "numbers"
        raise InputError(f"{where}: {key}={value} cannot be used; give one number, or three {kind} as .48/.46/.41.")
    return (numbers[0], numbers[1], numbers[2])
