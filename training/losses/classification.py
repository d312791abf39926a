"""Cross-entropy with label smoothing, class weights and focusing; targets are classes or class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def classification_loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    *,
    smoothing: float = 0.0,
    weights: torch.Tensor | None = None,
    gamma: float = 0.0,
) -> torch.Tensor:
    """Mean of ``-w_c y_c (1 - p_c)^gamma log p_c``, summed over classes, where y is the smoothed target.

    Label smoothing is that of Szegedy et al. 2016 (section 7): ``(1 - smoothing) y + smoothing / C``. Focusing is that
    of Lin et al. 2017 (eq. 4). As in torch, the mean with class weights is divided by the weights of the targets, so
    with ``gamma`` 0 and targets that are classes the result equals ``torch.nn.functional.cross_entropy``.

    Args:
        logits: (n, C).
        target: (n,) classes as integers, or (n, C) probabilities, such as those of mixup.
        smoothing: share of a target that is spread evenly over all classes.
        weights: (C,) weight of every class; None for equal weights.
        gamma: exponent of focusing; 0 does not focus.
    """
    import torch

    logs = torch.log_softmax(logits, dim=1)
    exact = (
        torch.nn.functional.one_hot(target, logits.shape[1]).to(logs.dtype)
        if target.ndim == 1
        else target.to(logs.dtype)
    )
    terms = -((1 - smoothing) * exact + smoothing / logits.shape[1]) * logs
    if gamma:
        # -expm1(log p) is 1 - p without cancellation; clamped, so that the power has a gradient where p is 1.
        terms = terms * (-torch.expm1(logs)).clamp(min=torch.finfo(logs.dtype).tiny) ** gamma
    if weights is None:
        return terms.sum() / len(logits)
    weights = weights.to(logs.dtype)
    return (terms * weights).sum() / (exact * weights).sum()
