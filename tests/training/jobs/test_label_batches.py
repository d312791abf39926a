"""Batches of labelled samples and mixed images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tests.support.label_world import labelled_world
from training.data.training_data import RepeatedRows
from training.jobs.label_batches import label_batches, mixed
from training.jobs.label_recipe import Mixing


def test_batches_are_a_function_of_seed_and_epoch_and_hold_repeats() -> None:
    data = labelled_world(6, 2)
    rows = data.rows("train")
    once, again, later = (label_batches(data, "shuffled", 8, 3, epoch) for epoch in (1, 1, 2))
    assert all(np.array_equal(one.rows, two.rows) for one, two in zip(once, again, strict=True))
    assert {batch.number for batch in once}.isdisjoint(batch.number for batch in later)
    assert sorted(np.concatenate([batch.rows for batch in once])) == rows.tolist()
    repeated = replace(data, repeats=(RepeatedRows(rows[:2], 6),))
    assert len(np.concatenate([batch.rows for batch in label_batches(repeated, "shuffled", 8, 3, 1)])) == 24
    counts = [np.bincount(np.concatenate([batch.rows for batch in label_batches(repeated, "balanced", 8, 3, 1)]))]
    assert counts[0].sum() == 24


def test_weighted_batches_draw_classes_by_the_square_roots_of_their_sizes() -> None:
    data = labelled_world(6, 2)
    train = data.rows("train")
    large = train[data.target[train] == 0]
    data = replace(data, repeats=(RepeatedRows(large, 15 * len(large)),))  # 16 times as large as the others
    rows = np.concatenate(
        [batch.rows for epoch in range(200) for batch in label_batches(data, "weighted", 8, 0, epoch)]
    )
    shares = np.bincount(data.target[rows]) / len(rows)
    expected = np.array([4.0] + [1.0] * (len(data.classes) - 1))
    assert np.allclose(shares, expected / expected.sum(), atol=0.02)


def test_mixup_is_the_mean_of_pairs_and_leaves_the_generator_of_numpy_alone() -> None:
    images, target = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 4, 4), torch.tensor([0, 1, 2, 0, 1])
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    out, probabilities = mixed(images, target, 3, Mixing(mixup=0.8), 11)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]
    share = float(probabilities[0, 0])  # the first image is of class 0, and mixed with the fourth, of class 0
    assert share == 1.0
    share = float(probabilities[1, 1])  # the second with the third: classes 1 and 2
    torch.testing.assert_close(out[1, 0, 0, 0], torch.tensor(share * 1 + (1 - share) * 2))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))
    assert torch.equal(out[4], images[4])  # the odd one stays
    again, _ = mixed(images, target, 3, Mixing(mixup=0.8), 11)
    other, _ = mixed(images, target, 3, Mixing(mixup=0.8), 12)
    assert torch.equal(out, again)
    assert not torch.equal(out, other)


def test_cutmix_cuts_a_rectangle_and_its_share_is_that_of_the_target() -> None:
    images, target = torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)]), torch.tensor([0, 1])
    out, probabilities = mixed(images, target, 2, Mixing(cutmix=1.0), 3)
    torch.testing.assert_close(out[0].mean(), probabilities[0, 1])
    assert set(out.flatten().tolist()) <= {0.0, 1.0}
