"""Gradients of the cross-entropy, block by block, against automatic differentiation of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eval.scorers import cross_entropy
from eval.scorers.cross_entropy import class_probabilities, doubles, gradient_sums, row_blocks
from tests.support.class_banks import directions

N, D, C = 37, 9, 5


@pytest.fixture(params=[1 << 20, 60, 1])
def cells(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Cells of a block: all vectors in one, six to a block with one left, one to a block."""
    monkeypatch.setattr(cross_entropy, "BLOCK_CELLS", request.param)
    return int(request.param)


def test_gradients_are_those_of_automatic_differentiation(cells: int) -> None:
    rng = np.random.default_rng(0)
    vectors, labels = directions(rng, N, D), rng.integers(0, C, N)
    weights, bias = 5 * rng.standard_normal((C, D)), rng.standard_normal(C)
    slow = [torch.tensor(part, requires_grad=True) for part in (weights, bias)]
    logits = torch.tensor(vectors).double() @ slow[0].T + slow[1]
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction="sum").backward()  # type: ignore[no-untyped-call]
    for given in (vectors, doubles(vectors)):
        for found, want in zip(gradient_sums(given, labels, weights, bias), slow, strict=True):
            assert want.grad is not None
            np.testing.assert_allclose(found, want.grad.numpy(), rtol=0, atol=1e-12)
    chances = np.concatenate([part for _, _, part in class_probabilities(vectors, weights, bias)])
    np.testing.assert_allclose(chances, torch.softmax(logits, dim=1).detach().numpy(), rtol=1e-12)
    assert cells


def test_blocks_hold_every_row_once_and_many_vectors_are_converted_in_blocks_only(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = directions(np.random.default_rng(0), N, D)
    assert doubles(vectors).dtype == np.float64
    monkeypatch.setattr(cross_entropy, "KEPT_CELLS", N * D - 1)
    assert doubles(vectors) is vectors
    blocks = [block for _, block in row_blocks(vectors, C)]
    assert all(block.dtype == np.float64 and block.size <= max(cells, D) for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), vectors)


def test_large_logits_neither_overflow_nor_lose_the_class() -> None:
    vectors = np.eye(3, dtype=np.float32)
    ((_, _, chances),) = class_probabilities(vectors, 1e5 * np.eye(3))
    np.testing.assert_array_equal(chances, np.eye(3))
    assert not gradient_sums(vectors, np.arange(3), 1e5 * np.eye(3)).weights.any()
