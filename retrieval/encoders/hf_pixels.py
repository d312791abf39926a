"""The preprocessing that a transformers ``preprocessor_config.json`` describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retrieval.encoders.config_faults import LARGEST_IMAGE, pixels_fault
from retrieval.encoders.preprocess import IMAGENET_MEAN, IMAGENET_STD
from retrieval.errors import InputError
from retrieval.text_files import read_json
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.encoders.hf_config import Kind
    from retrieval.types import Interpolation, ResizeMode

FILES = ("preprocessor_config.json", "processor_config.json")
"""Files of the preprocessing, in order of preference; the second has it under ``image_processor``."""

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""The normalisation of CLIP (Radford et al. 2021)."""

INTERPOLATIONS: dict[Any, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""``resample`` of configurations, a number of Pillow."""


def usual_pixels(kind: Kind, size: int) -> Preprocess:
    """Return the preprocessing with which most models of a kind were trained, for images of a size."""
    if kind == "siglip":
        return Preprocess(size, (size, size), (0.5,) * 3, (0.5,) * 3, mode="squash")
    if kind == "dinov2":
        return Preprocess(round(size * 256 / 224), (size, size), IMAGENET_MEAN, IMAGENET_STD)
    return Preprocess(size, (size, size), CLIP_MEAN, CLIP_STD)


def read_pixels(path: Path) -> Preprocess:
    """Read the preprocessing of a model.

    Raises:
        InputError: the file is not JSON, or describes steps that Vitrine does not take.
    """
    config = read_json(path, "the preprocessing of a model")
    config = config.get("image_processor", config) if isinstance(config, dict) else None
    if not isinstance(config, dict):
        raise InputError(f"{path} describes no preprocessing of images; fetch the folder again.")
    mean: Any = config.get("image_mean")
    std: Any = config.get("image_std")
    if config.get("do_normalize", True) is not True:
        mean, std = [0.0] * 3, [1.0] * 3
    fault = pixels_fault({"mean": mean, "std": std}) or _fault(config, mean, std)
    if fault:
        raise InputError(f"{path}: {fault}; correct the file, or name the model in another family.")
    resize, crop, mode = _sizes(config, path)
    return Preprocess(
        resize=resize,
        crop=crop,
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        interpolation=INTERPOLATIONS[config.get("resample", 3)],
        mode=mode,
    )


def _fault(config: Mapping[str, Any], mean: Any, std: Any) -> str | None:
    """Return what in a configuration cannot be followed; None if nothing."""
    factor = config.get("rescale_factor", 1 / 255)
    if mean is None or std is None:
        return "image_mean or image_std is missing"
    if config.get("do_rescale", True) is not True or not isinstance(factor, float) or abs(factor * 255 - 1) > 1e-3:
        return "pixels are not scaled to [0, 1]"
    if config.get("do_resize", True) is not True:
        return "images are not resized"
    if config.get("resample", 3) not in INTERPOLATIONS:
        return f"resample is {config['resample']!r:.40}"
    return None


def _sizes(config: Mapping[str, Any], path: Path) -> tuple[int, tuple[int, int], ResizeMode]:
    """Return ``resize``, ``crop`` and ``mode`` of :class:`retrieval.types.Preprocess`.

    ``size`` is the shorter side, or height and width; a number alone is the shorter side where a crop follows.
    """
    size, crop = config.get("size"), config.get("crop_size")
    cropped = config.get("do_center_crop", crop is not None) is True
    window = _window(crop) if cropped else None
    edge: Any = size.get("shortest_edge") if isinstance(size, dict) else size if cropped else None
    if _is_side(edge):
        if cropped and window is None:
            raise InputError(f"{path}: crop_size is {crop!r:.40}; correct the file.")
        return int(edge), window or (edge, edge), "shortest"
    stretched = _window(size)
    if stretched is None:
        raise InputError(f"{path}: size is {size!r:.40}, neither a shorter side nor two sides; correct the file.")
    if window is not None and window != stretched:
        raise InputError(f"{path}: images are stretched to {stretched} and then cropped, which Vitrine does not do.")
    return min(stretched), stretched, "squash"


def _window(size: Any) -> tuple[int, int] | None:
    """Return (height, width) of a size as configurations write it; None for anything else."""
    sides: tuple[Any, Any] = (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)
    return (sides[0], sides[1]) if all(map(_is_side, sides)) else None


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_IMAGE
