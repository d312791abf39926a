"""Contrastive loss of images and captions, its gradients computed piece by piece, and mean reciprocal rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Encode = Callable[[slice], tuple[torch.Tensor, torch.Tensor]]


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, captions: torch.Tensor
) -> torch.Tensor:
    """Symmetric cross-entropy of similarities (Radford et al. 2021, figure 3), where equal captions are positives.

    Args:
        images: (n, d), of length 1.
        texts: (n, d), of length 1.
        scale: scalar factor of similarities.
        captions: (n,) codes of captions; the target of a row is uniform over the columns of its caption.
    """
    from torch.nn.functional import cross_entropy

    logits = scale * images @ texts.T
    same = (captions[:, None] == captions[None, :]).to(logits.dtype)
    targets = same / same.sum(1, keepdim=True)
    return (cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2


def backward_in_pieces(
    encode: Encode,
    scale: Callable[[], torch.Tensor],
    captions: torch.Tensor,
    pieces: int,
    backward: Callable[[torch.Tensor], None] | None = None,
) -> float:
    """Add the gradients of the loss of a batch, with the activations of one piece in memory at a time.

    The loss needs all pairs at once, so vectors are first computed without gradients, then piece by piece with them
    (Gao et al. 2021, gradient cache). The gradients equal those of the whole batch, except that batch normalisation
    normalises over pieces.

    Args:
        encode: computes unit vectors (m, d) of the images and of the texts of a slice of the batch.
        scale: computes the factor of similarities.
        captions: (n,) codes of captions.
        pieces: number of pieces; 1 computes the batch at once.
        backward: adds the gradients of the loss; by default as torch does, without scaling.

    Returns:
        The loss.
    """
    import torch

    backward = backward or torch.autograd.backward
    n = len(captions)
    if pieces == 1:
        loss = contrastive_loss(*encode(slice(0, n)), scale(), captions)
        backward(loss)
        return float(loss.detach())
    step = -(-n // pieces)
    parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    with torch.no_grad():
        vectors = [encode(part) for part in parts]
    images, texts = (torch.cat(side).requires_grad_() for side in zip(*vectors, strict=True))
    loss = contrastive_loss(images, texts, scale(), captions)
    backward(loss)
    assert images.grad is not None  # noqa: S101 - backward has just filled it
    assert texts.grad is not None  # noqa: S101
    for part in parts:
        torch.autograd.backward(encode(part), (images.grad[part], texts.grad[part]))
    return float(loss.detach())


def mean_reciprocal_rank(images: torch.Tensor, texts: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean over images of 1 / rank of the true caption; half of the tied captions rank above it.

    Args:
        images: (n, d), of length 1.
        texts: (m, d), unique captions.
        truth: (n,) row of the true caption in ``texts``.
    """
    scores = images @ texts.T
    true_scores = scores.gather(1, truth[:, None])
    rank = 1 + (scores > true_scores).sum(1) + ((scores == true_scores).sum(1) - 1) / 2
    return float((1 / rank).mean())
