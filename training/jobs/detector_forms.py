"""The two forms of a detector's output (:mod:`retrieval.detectors.yolo_outputs`), as modules that can be exported.

The end-to-end form suppresses boxes in the graph, by arithmetic alone: see :func:`suppressed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.jobs.detector_loss import pair_overlaps

if TYPE_CHECKING:
    from training.jobs.detector_network import CellAnswers, DetectorNetwork

ROWS = 300
"""Boxes of the end-to-end form, of which all but the kept ones have the confidence 0."""

ROUNDS = 16
"""Rounds of suppression."""


def as_anchors(answers: CellAnswers) -> torch.Tensor:
    """Write answers as (n, 4 + classes, cells): cx, cy, width, height in pixels, and scores."""
    low, high = answers.edges[..., :2], answers.edges[..., 2:]
    table = torch.cat([(low + high) / 2, high - low, answers.logits.sigmoid()], 2)
    return table.transpose(1, 2)


def suppressed(edges: torch.Tensor, classes: torch.Tensor, overlap: float) -> torch.Tensor:
    """Return which boxes greedy non-maximum suppression keeps, as 1.0 and 0.0 (n, rows).

    A box is kept if no kept box before it of its class overlaps it. In round r this is right for all boxes that
    depend on fewer than r others in a row, so the result is exact unless chains of boxes are longer than
    :data:`ROUNDS`.

    Args:
        edges: (n, rows, 4), most confident first.
        classes: (n, rows).
        overlap: intersection over union above which the later box is dropped.
    """
    rows = edges.shape[1]
    rivals = (pair_overlaps(edges[:, None], edges[:, :, None]) > overlap) & (classes[:, None] == classes[:, :, None])
    drops = rivals.float() * torch.ones(rows, rows, device=edges.device).tril(-1)  # [row, one before it]
    kept = torch.ones_like(classes, dtype=torch.float32)
    for _ in range(ROUNDS):
        kept = 1 - (drops * kept[:, None]).amax(2)
    return kept


class AnchorsForm(nn.Module):
    """Images to (n, 4 + classes, cells)."""

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return as_anchors(self.network(images))


class EndToEndForm(nn.Module):
    """Images to (n, 300, 6): x1, y1, x2, y2, confidence, class; most confident first, zeros for dropped boxes."""

    def __init__(self, network: DetectorNetwork, overlap: float) -> None:
        super().__init__()
        self.network, self.overlap = network, overlap

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answers = self.network(images)
        confidence, classes = answers.logits.sigmoid().max(2)
        rows = min(ROWS, confidence.shape[1])
        confidence, order = confidence.topk(rows, dim=1)
        edges = answers.edges.gather(1, order[..., None].expand(-1, -1, 4))
        classes = classes.gather(1, order)
        confidence = confidence * suppressed(edges, classes, self.overlap)
        table = torch.cat([edges, confidence[..., None], classes[..., None].float()], 2)
        return functional.pad(table, (0, 0, 0, ROWS - rows))
