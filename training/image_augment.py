"""Random augmentation of one image: crop, mirror, RandAugment and random erasing.

What happens to an image depends on the generator that is passed alone. RandAugment and the erased rectangle are timm's,
which draw from the global generators of ``random`` and numpy: these are seeded for the call and restored after it, one
image at a time.
"""

from __future__ import annotations

import functools
import math
import random
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from retrieval.config import Config
from retrieval.encoders.preprocess import RESAMPLING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from retrieval.types import Preprocess, UInt8

_lock = Lock()

TRIES = 10
"""Tries to find a crop inside the image, as torchvision's ``RandomResizedCrop`` has them."""


class ImageAugmentation(Config):
    """How images vary in training."""

    crop: Literal["none", "pad", "resized"] = Field(
        "pad", description="pad: pad by some pixels and crop; resized: a part of the image, resized; none: as it is."
    )
    pad: int = Field(10, ge=0, le=1024, description="Pixels of padding on each side, for crop=pad.")
    scale: tuple[float, float] = Field((0.35, 1.0), description="Share of the area that crop=resized keeps, from, to.")
    ratio: tuple[float, float] = Field((0.75, 4 / 3), description="Width by height of that part, from, to.")
    flip: bool | None = Field(
        None, description="Mirror half of the images; without it, unless samples have aspects such as left and right."
    )
    rand_magnitude: int = Field(0, ge=0, le=10, description="Strength of RandAugment, at most 10; 0 for none.")
    rand_operations: int = Field(2, ge=1, le=16, description="Operations of RandAugment per image.")
    erase: float = Field(0, ge=0, le=1, description="Probability that a rectangle of the image is erased.")
    erase_area: tuple[float, float] = Field((0.02, 0.4), description="Share of the area that is erased, from, to.")
    erase_with: Literal["noise", "mean"] = Field(
        "noise", description="What is put there: noise with mean and deviation of the encoder, or its mean colour."
    )
    rare_below: int = Field(
        0, ge=0, description="Classes with fewer train samples get RandAugment of rare_magnitude; 0 for none."
    )
    rare_magnitude: int = Field(10, ge=0, le=10, description="Strength of RandAugment for rare classes.")

    @model_validator(mode="after")
    def _ranges(self) -> ImageAugmentation:
        for name, most in (("scale", 1.0), ("erase_area", 1.0), ("ratio", math.inf)):
            low, high = getattr(self, name)
            if not 0 < low <= high <= most:
                raise ValueError(f"{name} is a range of two numbers above 0{', at most 1' * (most == 1)}, low to high")
        return self


class AugmentationPlan(NamedTuple):
    """Augmentation of one data set.

    Attributes:
        how: the configuration.
        size: preprocessing of the encoder, for the height and width of the result, and for mean and deviation.
        flip: whether half of the images are mirrored.
    """

    how: ImageAugmentation
    size: Preprocess
    flip: bool

    def apply(self, pixels: UInt8, rng: np.random.Generator, *, rare: bool = False) -> UInt8:
        """Augment an image.

        Args:
            pixels: (height, width, 3), of any size for ``crop=resized``, else of the result's.
            rng: generator, on which alone the result depends.
            rare: whether the image is of a rare class.

        Returns:
            (height, width, 3), the crop of ``size``.
        """
        how = self.how
        image = self._crop(Image.fromarray(pixels), rng)
        if self.flip and rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        magnitude = how.rare_magnitude if rare else how.rand_magnitude
        if magnitude:
            with seeded(rng):
                image = rand_augment(magnitude, how.rand_operations, self.size)(image)
        result = np.array(image)
        if how.erase:
            self._erase(result, rng)
        return result

    def _crop(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        height, width = self.size.crop
        if self.how.crop == "resized":
            box = part_of_image(image.size, self.how.scale, self.how.ratio, rng)
            return image.resize((width, height), RESAMPLING[self.size.interpolation], box=box)
        if self.how.crop == "pad":
            left, top = rng.integers(-self.how.pad, self.how.pad + 1, 2).tolist()
            return image.crop((left, top, left + width, top + height))  # black outside
        return image

    def _erase(self, pixels: UInt8, rng: np.random.Generator) -> None:
        """Erase a rectangle in place, in the encoder's normalised colours, in which the mean is 0."""
        with seeded(rng):
            erased = erased_rows(pixels.shape[:2], self.how.erase, self.how.erase_area)
        if not erased.any():
            return
        values = np.zeros(pixels.shape) if self.how.erase_with == "mean" else rng.standard_normal(pixels.shape)
        colours = 255 * (np.array(self.size.mean) + np.array(self.size.std) * values)
        pixels[erased] = np.clip(np.rint(colours[erased]), 0, 255)


@contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """Seed the global generators of ``random`` and numpy by ``rng``, and restore them; one thread at a time."""
    seed = int(rng.integers(2**32))
    with _lock:
        states = random.getstate(), np.random.get_state()  # noqa: NPY002 - timm draws from it
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - timm draws from it
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002 - timm draws from it


@functools.cache
def rand_augment(magnitude: int, operations: int, size: Preprocess) -> Any:
    """RandAugment (Cubuk et al. 2020) of timm, operations of growing strength, as a function of an image."""
    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    from timm.data.auto_augment import rand_augment_transform

    colour = tuple(min(255, round(255 * mean)) for mean in size.mean)
    settings = {
        "translate_const": int(min(size.crop) * 0.45),
        "img_mean": colour,
        "interpolation": RESAMPLING[size.interpolation],
    }
    augment = rand_augment_transform(f"rand-m{magnitude}-n{operations}-mstd0.5-inc1", settings)
    for operation in augment.ops:
        if operation.name.startswith("Posterize"):
            operation.aug_fn = functools.partial(_posterize, operation.aug_fn)
    return augment


def _posterize(function: Callable[..., Image.Image], image: Image.Image, bits: int, **settings: Any) -> Image.Image:
    """Keep a bit at least: at full strength timm asks Pillow for 0 bits, which it refuses."""
    return function(image, max(1, bits), **settings)


def erased_rows(shape: tuple[int, ...], probability: float, area: tuple[float, float]) -> np.ndarray:
    """Choose the rectangle of random erasing (Zhong et al. 2020) by timm, from the global generator of ``random``.

    Returns:
        (height, width) bool, whether a pixel is erased.
    """
    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    import torch
    from timm.data.random_erasing import RandomErasing

    erasing = RandomErasing(probability, min_area=area[0], max_area=area[1], mode="const", device="cpu")
    erased: np.ndarray = erasing(torch.ones(1, *shape))[0].numpy() == 0
    return erased


def part_of_image(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Choose a part of an image by area and aspect ratio, as ``RandomResizedCrop`` (Szegedy et al. 2015) does.

    Args:
        size: width and height of the image.
        scale: smallest and largest share of the area.
        ratio: smallest and largest ratio of width to height, drawn on a logarithmic scale.
        rng: generator.

    Returns:
        Left, top, right and bottom; the largest part in the middle that fits the ratio if no try lies in the image.
    """
    width, height = size
    for _ in range(TRIES):
        area = rng.uniform(*scale) * width * height
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        across, down = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < across <= width and 0 < down <= height:
            left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
            return left, top, left + across, top + down
    shape = min(max(width / height, ratio[0]), ratio[1])
    across, down = min(width, max(1, round(height * shape))), min(height, max(1, round(width / shape)))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down
