"""Random augmentation of images with boxes: another view, mirrored or not, in another light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.detectors.letterbox import GREY
from retrieval.types import Float32, Int64
from training.augment import vary_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.jobs.detector_recipe import DetectorAugmentation

VISIBLE = 0.3
"""Share of an object's area that must lie in the view; otherwise it is no object of it."""

NARROWEST = 2.0
"""Pixels of the shorter side of an object."""


def augment_with_boxes(
    images: torch.Tensor,
    edges: Sequence[Float32],
    classes: Sequence[Int64],
    how: DetectorAugmentation,
    generator: torch.Generator,
) -> tuple[torch.Tensor, list[Float32], list[Int64]]:
    """Vary images and move their boxes along.

    Args:
        images: (n, 3, side, side) in [0, 1].
        edges: boxes (k, 4) of every image, x1, y1, x2, y2 in pixels.
        classes: (k,) of every image.
        how: strength.
        generator: random generator.

    Returns:
        The images, and the boxes and classes that lie in them.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n, side = len(images), images.shape[-1]
    chance = torch.rand(4, n, generator=generator)
    low, high = how.scale
    scale = low + (high - low) * chance[0]
    mirror = torch.where((chance[1] < 0.5) & how.flip, -1.0, 1.0)
    shift = (2 * chance[2:] - 1) * (1 - scale).abs()
    zero = torch.zeros(n)
    rows = [torch.stack([scale * mirror, zero, shift[0]], 1), torch.stack([zero, scale, shift[1]], 1)]
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    grey = GREY / 255
    view = grid_sample(images - grey, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + grey
    moved = [
        _seen(boxes, kinds, ((scale * mirror)[row].item(), scale[row].item()), shift[:, row].tolist(), side)
        for row, (boxes, kinds) in enumerate(zip(edges, classes, strict=True))
    ]
    return vary_colour(view, how, generator), [boxes for boxes, _ in moved], [kinds for _, kinds in moved]


def _seen(
    edges: Float32, classes: Int64, scale: tuple[float, float], shift: Sequence[float], side: int
) -> tuple[Float32, Int64]:
    """Move the boxes of an image to a view, and keep those that are seen.

    A point ``v`` of the view, from -1 to 1, is ``scale * v + shift`` of the image.
    """
    points = (2 * edges.reshape(-1, 2, 2) / side - 1 - np.array(shift)) / np.array(scale)
    corners = (points + 1) / 2 * side
    whole = np.concatenate([corners.min(1), corners.max(1)], 1)
    cut = whole.clip(0, side)
    sides = cut[:, 2:] - cut[:, :2]
    areas = (whole[:, 2:] - whole[:, :2]).prod(1)
    kept = (sides.prod(1) >= VISIBLE * areas) & (sides.min(1, initial=np.inf) >= NARROWEST)
    return cut[kept].astype(np.float32), classes[kept]
