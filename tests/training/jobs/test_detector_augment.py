"""Augmentation with boxes: they stay around what they were around."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from training.jobs.detector_augment import augment_with_boxes
from training.jobs.detector_recipe import DetectorAugmentation

STILL = {"brightness": 0, "contrast": 0, "saturation": 0, "noise": 0}
BOX = np.array([[20, 12, 44, 28]], np.float32)


def _images(count: int) -> torch.Tensor:
    images = torch.zeros(count, 3, 64, 64)
    images[:, :, 12:28, 20:44] = 1
    return images


def _augmented(how: DetectorAugmentation, count: int = 40, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return augment_with_boxes(_images(count), [BOX] * count, [np.array([3])] * count, how, generator)


def test_nothing_asked_changes_nothing() -> None:
    images, edges, classes = _augmented(DetectorAugmentation(flip=False, scale=(1, 1), **STILL), 2)
    torch.testing.assert_close(images, _images(2), atol=1e-5, rtol=0)
    np.testing.assert_allclose(edges[0], BOX, atol=1e-4)
    assert classes[1].tolist() == [3]


@pytest.mark.parametrize("scale", [(1, 1), (0.5, 0.8), (1.2, 1.8)])
def test_boxes_are_where_the_bright_pixels_are(scale: tuple[float, float]) -> None:
    images, edges, _ = _augmented(DetectorAugmentation(scale=scale, **STILL))
    seen = 0
    for image, boxes in zip(images, edges, strict=True):
        rows, columns = np.nonzero(image[0].numpy() > 0.72)  # grey around is .45
        for left, top, right, bottom in boxes.tolist():
            expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose([left, top, right, bottom], expected, atol=1.1)
            seen += 1
    assert seen >= 20


def test_objects_that_leave_the_view_are_gone() -> None:
    _, edges, classes = _augmented(DetectorAugmentation(flip=False, scale=(0.3, 0.3), **STILL))
    counts = [len(boxes) for boxes in edges]
    assert set(counts) == {0, 1}
    assert counts == [len(kinds) for kinds in classes]
    assert all((boxes >= 0).all() and (boxes <= 64).all() for boxes in edges)


def test_half_are_mirrored_and_a_seed_gives_the_same() -> None:
    how = DetectorAugmentation(scale=(1, 1))
    images, edges, _ = _augmented(how)
    mirrored = sum(boxes[0, 0] == pytest.approx(64 - 44, abs=1e-3) and boxes[0, 0] != BOX[0, 0] for boxes in edges)
    assert mirrored == 0  # 64 - 44 is 20: the box lies in the middle
    again, _, _ = _augmented(how)
    assert torch.equal(images, again)
    other, _, _ = _augmented(how, seed=1)
    assert not torch.equal(images, other)
