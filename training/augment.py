"""Random augmentation of a batch of images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from retrieval.config import Config

if TYPE_CHECKING:
    import torch


class ColourVariation(Config):
    """How much light and colour of an image vary."""

    brightness: float = Field(0.2, ge=0, lt=1, description="Largest relative change of brightness.")
    contrast: float = Field(0.2, ge=0, lt=1, description="Largest relative change of contrast.")
    saturation: float = Field(0.15, ge=0, lt=1, description="Largest relative change of saturation.")
    noise: float = Field(
        0.02, ge=0, lt=1, description="Largest standard deviation of added noise, as a share of the full range."
    )


class Augmentation(ColourVariation):
    """Strength of the augmentation. Captions name colours, so colour varies little, and hue not at all."""

    scale: float = Field(0.65, gt=0, le=1, description="Smallest share of the image's side that a crop keeps.")
    stretch: float = Field(0.1, ge=0, lt=1, description="Largest change of the aspect ratio, as a factor minus 1.")
    turn: float = Field(8.0, ge=0, le=180, description="Largest rotation either way, in degrees.")


def augment(
    images: torch.Tensor, flips: torch.Tensor, side: int, how: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Crop, rotate, mirror where allowed, and vary light and colour.

    Args:
        images: (n, 3, height, width) in [0, 1].
        flips: (n,) bool, whether an image may be mirrored.
        side: height and width of the result in pixels.
        how: strength of the augmentation.
        generator: random generator.

    Returns:
        (n, 3, side, side) in [0, 1].
    """
    cut = _crop(images, flips, side, how, generator)
    return vary_colour(cut, how, generator)


def _crop(
    images: torch.Tensor, flips: torch.Tensor, side: int, how: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Sample images by one random affine map each, bilinearly; borders are reflected."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n = len(images)
    chance = torch.rand(6, n, generator=generator)
    scale = how.scale + (1 - how.scale) * chance[0]
    ratio = torch.exp((2 * chance[1] - 1) * math.log1p(how.stretch) / 2)
    angle = (2 * chance[2] - 1) * math.radians(how.turn)
    mirror = torch.where(flips & (chance[3] < 0.5), -1.0, 1.0)
    wide, high = scale * ratio, scale / ratio
    across, down = (2 * chance[4] - 1) * (1 - wide).clamp(min=0), (2 * chance[5] - 1) * (1 - high).clamp(min=0)
    first = torch.stack([wide * angle.cos() * mirror, -high * angle.sin(), across], 1)
    second = torch.stack([wide * angle.sin() * mirror, high * angle.cos(), down], 1)
    grid = affine_grid(torch.stack([first, second], 1), [n, 3, side, side], align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def vary_colour(images: torch.Tensor, how: ColourVariation, generator: torch.Generator) -> torch.Tensor:
    """Vary brightness, contrast and saturation of images (n, 3, height, width) in [0, 1], and add noise."""
    import torch

    n = len(images)
    change = 2 * torch.rand(3, n, 1, 1, 1, generator=generator) - 1
    bright = images * (1 + how.brightness * change[0])
    middle = bright.mean((1, 2, 3), keepdim=True)
    contrasted = middle + (bright - middle) * (1 + how.contrast * change[1])
    grey = contrasted.mean(1, keepdim=True)
    coloured = grey + (contrasted - grey) * (1 + how.saturation * change[2])
    spread = how.noise * torch.rand(n, 1, 1, 1, generator=generator)
    return (coloured + spread * torch.randn(images.shape, generator=generator)).clamp(0, 1)
