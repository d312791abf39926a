"""Which cells answer for which object, and the loss of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Float32, Int64
    from training.jobs.detector_network import CellAnswers
    from training.jobs.detector_recipe import DetectionLoss

TINY = 1e-9


class TrueObjects(NamedTuple):
    """Objects of n images, padded: ``edges`` (n, most, 4), ``classes`` and ``is_object`` (n, most)."""

    edges: torch.Tensor
    classes: torch.Tensor
    is_object: torch.Tensor

    def to(self, device: str) -> TrueObjects:
        """Move them to a device."""
        return TrueObjects(*(part.to(device) for part in self))


class CellTargets(NamedTuple):
    """What cells should answer: ``edges`` (n, cells, 4), and ``scores`` (n, cells, classes), 0 without an object."""

    edges: torch.Tensor
    scores: torch.Tensor


def padded(edges: Sequence[Float32], classes: Sequence[Int64]) -> TrueObjects:
    """Pad the boxes (k, 4) and classes (k,) of every image to the same number of at least 1."""
    n, most = len(edges), max(1, *(len(one) for one in classes)) if classes else 1
    objects = TrueObjects(
        torch.zeros(n, most, 4), torch.zeros(n, most, dtype=torch.int64), torch.zeros(n, most, dtype=torch.bool)
    )
    for row, (boxes, kinds) in enumerate(zip(edges, classes, strict=True)):
        objects.edges[row, : len(kinds)] = torch.from_numpy(boxes)
        objects.classes[row, : len(kinds)] = torch.from_numpy(kinds)
        objects.is_object[row, : len(kinds)] = True
    return objects


def pair_overlaps(edges: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Compute the intersection over union of boxes (..., 4) and others (..., 4) that broadcast."""
    _, shared, union = _areas(edges, others)
    return shared / union.clamp(min=TINY)


def generalised_overlaps(edges: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Compute the generalised intersection over union of two lists of boxes (Rezatofighi et al. 2019, algorithm 1)."""
    hull, shared, union = _areas(edges, others)
    return shared / union.clamp(min=TINY) - (hull - union) / hull.clamp(min=TINY)


def _areas(edges: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Areas of the smallest box around two boxes, of what they share, and of their union."""
    low, high = torch.maximum(edges[..., :2], others[..., :2]), torch.minimum(edges[..., 2:], others[..., 2:])
    outer_low, outer_high = (
        torch.minimum(edges[..., :2], others[..., :2]),
        torch.maximum(edges[..., 2:], others[..., 2:]),
    )
    shared = (high - low).clamp(min=0).prod(-1)
    area = (edges[..., 2:] - edges[..., :2]).clamp(min=0).prod(-1)
    other = (others[..., 2:] - others[..., :2]).clamp(min=0).prod(-1)
    return (outer_high - outer_low).prod(-1), shared, area + other - shared


@torch.no_grad()
def assign(answers: CellAnswers, objects: TrueObjects, centres: torch.Tensor, how: DetectionLoss) -> CellTargets:
    """Assign cells to objects by how well their answers fit (Feng et al. 2021, section 3.2).

    The fit of a cell whose centre is in the object, or which is the nearest of all, is ``score^a * overlap^b``. The
    cells with the best fit answer for the object; a cell of two objects answers for the one it overlaps more. The
    target of their class score is their fit, scaled so that the best one's is the largest overlap with the object.
    """
    scores = answers.logits.sigmoid()
    overlap = pair_overlaps(answers.edges[:, None], objects.edges[:, :, None])  # (n, objects, cells)
    kinds = objects.classes[..., None].expand(-1, -1, scores.shape[1])
    fit = scores.transpose(1, 2).gather(1, kinds) ** how.score_power * overlap**how.overlap_power
    candidates = _cells_inside(objects, centres)
    fit = torch.where(candidates, fit, 0.0)
    best = torch.where(candidates, fit, -1.0).topk(min(how.cells, len(centres)), dim=2).indices
    chosen = torch.zeros_like(candidates).scatter_(2, best, value=True) & candidates
    largest = torch.where(chosen, overlap, -1.0)
    owner = largest.argmax(1, keepdim=True)
    chosen &= torch.zeros_like(chosen).scatter_(1, owner, value=True)
    fit = torch.where(chosen, fit, 0.0)
    best_overlap = torch.where(chosen, overlap, 0.0).amax(2, keepdim=True)
    target = fit / fit.amax(2, keepdim=True).clamp(min=TINY**3) * best_overlap
    edges = objects.edges.gather(1, owner[:, 0, :, None].expand(-1, -1, 4))
    aims = torch.zeros_like(scores)
    aims.scatter_add_(2, objects.classes.gather(1, owner[:, 0])[..., None], target.amax(1)[..., None])
    return CellTargets(edges, aims)


def _cells_inside(objects: TrueObjects, centres: torch.Tensor) -> torch.Tensor:
    """Whether the centre of a cell is in an object, or the nearest to its centre: (n, objects, cells)."""
    at, edges = centres[None, None], objects.edges[:, :, None]
    inside = ((at > edges[..., :2]) & (at < edges[..., 2:])).all(-1)
    nearest = ((at - (edges[..., :2] + edges[..., 2:]) / 2) ** 2).sum(-1).argmin(-1, keepdim=True)
    return inside.scatter(2, nearest, value=True) & objects.is_object[..., None]


def detection_loss(answers: CellAnswers, targets: CellTargets, box_weight: float) -> dict[str, torch.Tensor]:
    """Compute the losses: cross-entropy of all class scores, and ``1 - GIoU`` of boxes, both per unit of target.

    Returns:
        ``loss``, and its parts ``class`` and ``box``.
    """
    total = targets.scores.sum().clamp(min=1.0)
    classes = functional.binary_cross_entropy_with_logits(answers.logits, targets.scores, reduction="sum") / total
    weight = targets.scores.sum(-1)
    boxes = ((1 - generalised_overlaps(answers.edges, targets.edges)) * weight).sum() / total
    return {"loss": classes + box_weight * boxes, "class": classes, "box": boxes}
