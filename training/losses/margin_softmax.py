"""ArcFace, with sub-centres and with margins that depend on the number of samples of a class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def class_cosines(features: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Cosine of every feature with the nearest centre of every class (Deng et al. 2020, sub-centre ArcFace).

    Args:
        features: (n, d).
        centres: (C, d), or (C, K, d) for K centres a class.

    Returns:
        (n, C).
    """
    from torch.nn.functional import normalize

    if centres.ndim == 2:
        return normalize(features, dim=1) @ normalize(centres, dim=1).T
    classes, k, d = centres.shape
    cosines = normalize(features, dim=1) @ normalize(centres.reshape(classes * k, d), dim=1).T
    return cosines.view(-1, classes, k).amax(2)


def arcface_logits(
    cosines: torch.Tensor, target: torch.Tensor, margin: float | torch.Tensor, scale: float
) -> torch.Tensor:
    """Logits of ArcFace (Deng et al. 2019): the margin is added to the angle of the true class.

    The logit of the true class is ``scale cos(theta + m)`` where ``cos theta > cos(pi - m)``, and otherwise ``scale
    (cos theta - m sin m)``, which goes on falling as the angle rises.

    Args:
        cosines: (n, C).
        target: (n,) classes.
        margin: angle in radians, from 0 to pi, or (C,) one for every class.
        scale: factor of the cosines.
    """
    import torch

    m = torch.as_tensor(margin, dtype=cosines.dtype, device=cosines.device).expand(cosines.shape[1])[target]
    cosine = cosines.gather(1, target[:, None])[:, 0]
    # Clamped, so that the square root has a gradient where feature and centre coincide.
    sine = (1 - cosine.square()).clamp(min=torch.finfo(cosines.dtype).eps).sqrt()
    added = cosine * m.cos() - sine * m.sin()
    harder = torch.where(cosine > (math.pi - m).cos(), added, cosine - m * m.sin())
    return scale * cosines.scatter(1, target[:, None], harder[:, None])


def dynamic_margins(counts: torch.Tensor, a: float = 0.5, b: float = 0.05) -> torch.Tensor:
    """Margins ``a n^(-1/4) + b`` in radians for classes of n samples (Ha et al., arXiv 2010.05350, section 3.2).

    Args:
        counts: (C,) number of training samples of every class; 0 counts as 1.
        a: share that falls with the number of samples.
        b: share that all classes have.

    Returns:
        (C,) float32.
    """
    return a * counts.clamp(min=1).float() ** -0.25 + b
