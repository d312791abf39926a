"""The end-to-end form: suppression by arithmetic equals the greedy one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.detectors.suppression import suppress
from training.jobs.detector_forms import ROUNDS, ROWS, EndToEndForm, suppressed
from training.jobs.detector_network import DetectorNetwork
from training.jobs.detector_recipe import DetectorSizes


@pytest.mark.parametrize("seed", range(5))
def test_suppression_in_rounds_is_the_greedy_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 40, (120, 2))
    edges = np.concatenate([low, low + rng.uniform(5, 25, (120, 2))], axis=1).astype(np.float32)
    classes, confidence = rng.integers(0, 3, 120), np.sort(rng.random(120))[::-1].astype(np.float32)
    expected = np.isin(np.arange(120), suppress(edges, confidence, classes, 0.4, 120))
    kept = suppressed(torch.from_numpy(edges)[None], torch.from_numpy(classes)[None], 0.4)[0].numpy()
    assert (kept == expected).all()
    assert 20 < kept.sum() < 120


def test_a_chain_of_boxes_is_right_to_its_end() -> None:
    steps = torch.arange(ROUNDS, dtype=torch.float32)[:, None] * 4  # each overlaps the next at 6 / 14
    edges = torch.cat([steps, steps * 0, steps + 10, steps * 0 + 10], 1)
    kept = suppressed(edges[None], torch.zeros(1, ROUNDS, dtype=torch.int64), 0.4)[0]
    assert kept.tolist() == [1.0, 0.0] * (ROUNDS // 2)


def test_rows_that_no_cell_fills_are_zero() -> None:
    torch.manual_seed(0)
    form = EndToEndForm(DetectorNetwork(2, 64, DetectorSizes(widths=(4, 4, 4, 4, 4), neck=8)), 0.6).eval()
    with torch.inference_mode():
        table = form(torch.rand(1, 3, 64, 64))
    assert table.shape == (1, ROWS, 6)
    assert not table[0, 84:].any()
    kept = table[0, :84, 4][table[0, :84, 4] > 0]
    assert len(kept)
    assert (kept.diff() <= 0).all()


def test_boxes_end_at_the_image() -> None:
    torch.manual_seed(0)
    network = DetectorNetwork(2, 64, DetectorSizes(widths=(4, 4, 4, 4, 4), neck=8))
    images = torch.rand(2, 3, 64, 64)
    free, held = network(images).edges, network.eval()(images).edges
    assert free.min() < 0
    assert free.max() > 64  # gradients need them
    assert (held.min(), held.max()) == (0, 64)
