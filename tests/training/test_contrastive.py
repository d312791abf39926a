"""The loss against a slow reference, and its gradients in pieces against those of the whole batch."""

from __future__ import annotations

import math

import pytest
import torch

from training.contrastive import backward_in_pieces, contrastive_loss, mean_reciprocal_rank


def _unit(n: int, d: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def _slow(images: torch.Tensor, texts: torch.Tensor, scale: float, captions: list[int]) -> float:
    n = len(captions)
    total = 0.0
    for rows, columns in ((images, texts), (texts, images)):
        for i in range(n):
            logits = [scale * float(rows[i] @ columns[j]) for j in range(n)]
            whole = math.log(sum(map(math.exp, logits)))
            own = [j for j in range(n) if captions[j] == captions[i]]
            total -= sum(logits[j] - whole for j in own) / len(own)
    return total / (2 * n)


@pytest.mark.parametrize("captions", [[0, 1, 2, 3, 4], [0, 0, 1, 2, 1], [7, 7, 7, 7, 7]])
def test_loss_is_that_of_the_paper_with_equal_captions_as_positives(captions: list[int]) -> None:
    images, texts = _unit(5), _unit(5, seed=1)
    found = contrastive_loss(images, texts, torch.tensor(9.0), torch.tensor(captions))
    assert float(found) == pytest.approx(_slow(images, texts, 9.0, captions), rel=1e-5)


@pytest.mark.parametrize("pieces", [2, 3, 7, 50])
def test_pieces_give_the_gradients_of_the_whole_batch(pieces: int) -> None:
    captions = torch.tensor([0, 1, 1, 2, 3, 4, 5])
    data = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(3))

    def gradients(parts: int) -> tuple[float, list[torch.Tensor]]:
        torch.manual_seed(0)
        towers = [torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)]
        scale = torch.nn.Parameter(torch.tensor(2.0))

        def encode(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            image, text = (
                torch.nn.functional.normalize(tower(side[part]), dim=1)
                for tower, side in zip(towers, data, strict=True)
            )
            return image, text

        loss = backward_in_pieces(encode, scale.exp, captions, parts)
        found = [scale, *(parameter for tower in towers for parameter in tower.parameters())]
        return loss, [parameter.grad for parameter in found if parameter.grad is not None]

    whole, own = gradients(1)
    loss, parts = gradients(pieces)
    assert loss == pytest.approx(whole, rel=1e-6)
    assert len(parts) == len(own) == 5
    for one, other in zip(own, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_reciprocal_rank_counts_ties_as_half() -> None:
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    truth = torch.tensor([0, 1, 0])
    # The first shares its place with another: rank 1.5; the second is first; the third ties for second: rank 2.5.
    assert mean_reciprocal_rank(images, texts, truth) == pytest.approx((1 / 1.5 + 1 + 1 / 2.5) / 3)
