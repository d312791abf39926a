"""The losses of the image stage: those that a recipe switches on, with their weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from training.losses.center import center_loss, wen_update
from training.losses.classification import classification_loss
from training.losses.image_text import image_to_text, supervised_contrastive
from training.losses.margin_softmax import arcface_logits, class_cosines, dynamic_margins
from training.losses.triplet import batch_hard_triplet

if TYPE_CHECKING:
    import torch

    from training.jobs.reid.network import ReidNetwork
    from training.jobs.reid.recipe import PromptConfig, ReidLosses
    from training.models.towers import TowerFeatures


class ReidObjective:
    """Weighted sum of losses of a batch.

    Args:
        losses: weights and settings.
        prompts: how images and texts are compared.
        counts: (C,) training images of every identity.
        arcface_counts: whether ArcFace is part of the sum, not only of the log.
    """

    def __init__(
        self, losses: ReidLosses, prompts: PromptConfig, counts: torch.Tensor, *, arcface_counts: bool = True
    ) -> None:
        self._losses, self._prompts, self._arcface_counts = losses, prompts, arcface_counts
        margin = losses.arcface_margin
        self._margin = dynamic_margins(counts) if margin == "dynamic" else margin
        self._centers: tuple[torch.Tensor, torch.Tensor] | None = None

    def __call__(
        self,
        network: ReidNetwork,
        features: TowerFeatures,
        target: torch.Tensor,
        live: torch.Tensor | None,
        texts: torch.Tensor | None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Compute the sum and its parts before weighting.

        Args:
            network: heads and centres.
            features: of n images.
            target: (n,) identities.
            live: (n, d) text features of the identities of the images.
            texts: (C, d) fixed text features of all identities.
        """
        weights = self._losses
        parts: dict[str, torch.Tensor] = {}
        necks = network.necks(features)
        if weights.id:
            parts["id"] = sum_of(classification_loss(n.logits, target, smoothing=weights.smoothing) for n in necks)
        if weights.triplet:
            given = [feature for feature in features if feature is not None]
            parts["triplet"] = sum_of(batch_hard_triplet(f, target, weights.triplet_margin) for f in given)
        if weights.arcface:
            cosines = class_cosines(necks[0].features, network.arcface)
            logits = arcface_logits(cosines, target, self._margin, weights.arcface_scale)
            parts["arcface"] = classification_loss(logits, target)
        if weights.center:
            self._centers = (features.feat.detach(), target)
            parts["center"] = center_loss(features.feat, target, network.centers, weights.center_form)
        if weights.of_texts and features.proj is not None:
            parts |= self._of_texts(features.proj, target, live, texts)
        summed = [
            getattr(weights, name) * loss for name, loss in parts.items() if name != "arcface" or self._arcface_counts
        ]
        return sum_of(summed), parts

    def _of_texts(
        self, images: torch.Tensor, target: torch.Tensor, live: torch.Tensor | None, texts: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        how = self._prompts
        parts: dict[str, torch.Tensor] = {}
        images = compared(images, normalise=how.normalise)
        if self._losses.supcon and live is not None:
            parts["supcon"] = both_ways(images, compared(live, normalise=how.normalise), target, how.temperature)
        if self._losses.i2t and texts is not None:
            against = compared(texts, normalise=how.normalise)
            parts["i2t"] = image_to_text(images, against, target, self._losses.smoothing, how.temperature)
        return parts

    def set_center_gradient(self, centers: torch.nn.Parameter) -> None:
        """Replace the gradient of the centers, which the weight of the loss scaled, by that of their own update."""
        if self._losses.center and self._centers is not None:
            if self._losses.center_form == "wen":
                centers.grad = wen_update(*self._centers, centers)
            elif centers.grad is not None:
                centers.grad /= self._losses.center


def both_ways(images: torch.Tensor, texts: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """Contrastive loss from images to texts plus that from texts to images (CLIP-ReID, first stage).

    Args:
        images: (n, d).
        texts: (n, d) of the identities of the images.
        target: (n,) identities.
        temperature: divisor of the dot products.
    """
    to_texts = supervised_contrastive(images, texts, target, target, temperature)
    return to_texts + supervised_contrastive(texts, images, target, target, temperature)


def compared(features: torch.Tensor, *, normalise: bool) -> torch.Tensor:
    """Return features (n, d) as they are compared with those of the other side."""
    from torch.nn.functional import normalize

    return normalize(features, dim=-1) if normalise else features


def sum_of(losses: Iterable[torch.Tensor]) -> torch.Tensor:
    """Sum of one or more losses."""
    import torch

    return torch.stack(list(losses)).sum()
