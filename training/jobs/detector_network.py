"""A small detector without anchor boxes: every cell of three grids answers a box and a score per class.

A residual backbone halves the image five times; its last three grids are merged from coarse to fine (Lin et al. 2017),
and one head answers for all of them: distances from the cell to the four edges, and class scores without objectness
(Tian et al. 2019, FCOS, without its centre-ness).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from training.jobs.detector_recipe import STRIDES

if TYPE_CHECKING:
    from training.jobs.detector_recipe import DetectorSizes

RARE = 0.01
"""Score with which every cell starts, since few cells have an object (Lin et al. 2017, Focal Loss, section 4.1)."""

FARTHEST = 6.0
"""Largest logarithm of a distance in strides."""


class CellAnswers(NamedTuple):
    """Answers of all cells: ``edges`` (n, cells, 4), x1, y1, x2, y2 in pixels, and ``logits`` (n, cells, classes)."""

    edges: torch.Tensor
    logits: torch.Tensor


def _convolution(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside), nn.SiLU()
    )


class _Residual(nn.Module):
    """A bottleneck of half the channels, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(_convolution(width, width // 2, 1), _convolution(width // 2, width))

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = grid + self.block(grid)
        return changed


class DetectorNetwork(nn.Module):
    """The network.

    Args:
        classes: number of classes.
        size: side of the images in pixels, a multiple of the coarsest stride.
        sizes: its sizes.
    """

    centres: torch.Tensor
    strides: torch.Tensor

    def __init__(self, classes: int, size: int, sizes: DetectorSizes) -> None:
        super().__init__()
        self.size = size
        first, second, *coarse = sizes.widths
        neck = sizes.neck
        self.stem = nn.Sequential(
            _convolution(3, first, stride=2), _convolution(first, second, stride=2), _Residual(second)
        )
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(before, width, stride=2), _Residual(width), _Residual(width))
            for before, width in zip((second, *coarse), coarse, strict=False)
        )
        self.lateral = nn.ModuleList(_convolution(width, neck, 1) for width in coarse)
        self.merge = nn.ModuleList(_convolution(neck, neck) for _ in coarse)
        self.box_head = nn.Sequential(_convolution(neck, neck), nn.Conv2d(neck, 4, 1))
        self.class_head = nn.Sequential(_convolution(neck, neck), nn.Conv2d(neck, classes, 1))
        self.scale = nn.Parameter(torch.ones(len(coarse)))
        last_box, last_class = self.box_head[-1], self.class_head[-1]
        nn.init.zeros_(last_class.weight)  # type: ignore[arg-type]
        nn.init.constant_(last_class.bias, math.log(RARE / (1 - RARE)))  # type: ignore[arg-type]
        nn.init.constant_(last_box.bias, 1.0)  # type: ignore[arg-type]
        centres, strides = cell_centres(size)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("strides", strides, persistent=False)

    def forward(self, images: torch.Tensor) -> CellAnswers:
        """Answer images (n, 3, size, size) in [0, 1]."""
        grid, grids = self.stem(images - 0.5), []
        for down, lateral in zip(self.down, self.lateral, strict=True):
            grid = down(grid)
            grids.append(lateral(grid))
        merged = grids[-1]
        answers = []
        for level in range(len(grids) - 1, -1, -1):
            if level < len(grids) - 1:
                merged = grids[level] + functional.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = self.merge[level](merged)
            distances = self.box_head(merged).float() * self.scale[level]
            answers.append((distances.flatten(2), self.class_head(merged).float().flatten(2)))
        answers.reverse()
        far = torch.cat([distances for distances, _ in answers], 2).clamp(max=FARTHEST).exp().transpose(1, 2)
        reach = far * self.strides
        edges = torch.cat([self.centres - reach[..., :2], self.centres + reach[..., 2:]], 2)
        if not self.training:  # objects end at the image; in training the edges outside need gradients
            edges = edges.clamp(0, self.size)
        return CellAnswers(edges, torch.cat([logits for _, logits in answers], 2).transpose(1, 2))


def cell_centres(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the centres (cells, 2) of the cells of all grids in pixels, finest grid first, and strides (cells, 1)."""
    centres, strides = [], []
    for stride in STRIDES:
        at = (torch.arange(size // stride) + 0.5) * stride
        down, across = torch.meshgrid(at, at, indexing="ij")
        centres.append(torch.stack([across, down], 2).view(-1, 2))
        strides.append(torch.full((len(centres[-1]), 1), float(stride)))
    return torch.cat(centres), torch.cat(strides)
