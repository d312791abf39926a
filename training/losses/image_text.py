"""Losses between image features and text features of identities, as in CLIP-ReID (Li et al., AAAI 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.losses.classification import classification_loss

if TYPE_CHECKING:
    import torch


def supervised_contrastive(
    anchors: torch.Tensor,
    others: torch.Tensor,
    anchor_target: torch.Tensor,
    other_target: torch.Tensor,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Mean over anchors of the mean over their positives of ``-log softmax`` (CLIP-ReID, eq. 3 and 4).

    Similarities are dot products: nothing is normalised here. Image to text is ``supervised_contrastive(images, texts,
    ...)``, text to image the same with the sides exchanged.

    Args:
        anchors: (n, d).
        others: (m, d).
        anchor_target: (n,) identities; an anchor without a positive is left out.
        other_target: (m,) identities.
        temperature: divisor of the similarities.
    """
    import torch

    logs = torch.log_softmax(anchors @ others.T / temperature, dim=1)
    positive = (anchor_target[:, None] == other_target[None, :]).to(logs.dtype)
    count = positive.sum(1)
    per_anchor = -(positive * logs).sum(1) / count.clamp(min=1)
    return per_anchor.sum() / (count > 0).sum().clamp(min=1)


def image_to_text(
    images: torch.Tensor,
    texts: torch.Tensor,
    target: torch.Tensor,
    smoothing: float = 0.1,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Cross-entropy of images against the text features of all identities (CLIP-ReID, eq. 8).

    Args:
        images: (n, d).
        texts: (C, d), one text per identity; they are fixed, so no gradient reaches them.
        target: (n,) rows of ``texts``.
        smoothing: label smoothing.
        temperature: divisor of the dot products.
    """
    return classification_loss(images @ texts.detach().T / temperature, target, smoothing=smoothing)
