"""Which cells answer for an object, and the losses, against slow references."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.jobs.detector_loss import assign, detection_loss, generalised_overlaps, padded, pair_overlaps
from training.jobs.detector_network import CellAnswers, cell_centres
from training.jobs.detector_recipe import DetectionLoss


def _giou(a: list[float], b: list[float]) -> tuple[float, float]:
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return shared / union, shared / union - (hull - union) / hull


def test_overlaps_equal_a_slow_reference() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (2, 30, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 30, (2, 30, 2))], axis=2).astype(np.float32)
    first, second = torch.from_numpy(boxes)
    expected = [_giou(a, b) for a, b in zip(boxes[0].tolist(), boxes[1].tolist(), strict=True)]
    torch.testing.assert_close(pair_overlaps(first, second), torch.tensor([iou for iou, _ in expected]))
    torch.testing.assert_close(generalised_overlaps(first, second), torch.tensor([giou for _, giou in expected]))
    assert generalised_overlaps(torch.tensor([0.0, 0, 1, 1]), torch.tensor([2.0, 0, 3, 1])) == pytest.approx(-1 / 3)


def test_cells_lie_in_their_grids() -> None:
    centres, strides = cell_centres(64)
    assert centres.shape == (64 + 16 + 4, 2)
    assert centres[1].tolist() == [12, 4]
    assert centres[64].tolist() == [8, 8]
    assert centres[-1].tolist() == [48, 48]
    assert strides[[0, 64, -1], 0].tolist() == [8, 16, 32]


def _answers(edges: torch.Tensor, classes: int = 2) -> CellAnswers:
    return CellAnswers(edges[None].clone(), torch.zeros(1, len(edges), classes))


def test_the_cells_that_fit_best_answer_for_an_object() -> None:
    centres, strides = cell_centres(64)
    edges = torch.cat([centres - strides / 2, centres + strides / 2], 1)
    objects = padded([np.array([[16, 16, 32, 32]], np.float32)], [np.array([1])])
    edges[64 + 5] = torch.tensor([16.0, 16, 32, 30])  # the cell of stride 16 in the object: overlap 14 / 16
    targets = assign(_answers(edges), objects, centres, DetectionLoss(cells=2))
    assert torch.nonzero(targets.scores[0, :, 1])[-1].item() == 64 + 5
    assert targets.scores[0, 64 + 5].tolist() == pytest.approx([0, 14 / 16])
    others = targets.scores[0, :, 1].count_nonzero() - 1
    assert others == 1  # of the four of stride 8, each of overlap 1 / 4
    assert targets.scores[0, :, 1].sort().values[-2] == pytest.approx((4 / 14) ** 6 * 14 / 16, rel=1e-4)
    assert not targets.scores[0, :, 0].any()
    assert targets.edges[0, 64 + 5].tolist() == [16, 16, 32, 32]


def test_a_cell_of_two_objects_answers_for_the_one_it_overlaps_more() -> None:
    centres, strides = cell_centres(64)
    edges = torch.cat([centres - strides / 2, centres + strides / 2], 1)
    boxes = np.array([[0, 0, 64, 64], [8, 8, 16, 16]], np.float32)
    targets = assign(_answers(edges), padded([boxes], [np.array([0, 1])]), centres, DetectionLoss(cells=84))
    inner = int(((centres == 12).all(1)).nonzero()[0])
    assert targets.scores[0, inner].tolist() == pytest.approx([0, 1])
    assert targets.edges[0, inner].tolist() == boxes[1].tolist()


def test_an_object_without_the_centre_of_a_cell_gets_the_nearest() -> None:
    centres, strides = cell_centres(64)
    edges = torch.cat([centres - strides / 2, centres + strides / 2], 1)
    targets = assign(_answers(edges), padded([np.array([[1, 20.5, 40, 22]], np.float32)], [np.array([0])]), centres,
                     DetectionLoss())  # fmt: skip
    cells = targets.scores[0, :, 0].nonzero().flatten().tolist()
    assert len(cells) == 1
    assert centres[cells[0]].tolist() == [20, 20]


def test_an_image_without_objects_lowers_all_scores() -> None:
    centres, strides = cell_centres(64)
    edges = torch.cat([centres - strides, centres + strides], 1)
    answers = _answers(edges)
    answers.logits.requires_grad_()
    none = padded([np.zeros((0, 4), np.float32)], [np.zeros(0, np.int64)])
    losses = detection_loss(answers, assign(answers, none, centres, DetectionLoss()), 2.0)
    gradient = torch.autograd.grad(losses["loss"], answers.logits)[0]
    assert losses["box"] == 0
    assert losses["loss"].item() == pytest.approx(84 * 2 * np.log(2), rel=1e-5)
    assert (gradient > 0).all()
