"""Means of the weights before and after fine-tuning (WiSE-FT, Wortsman et al. 2022, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from training.jobs.label_metrics import TIE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.jobs.label_recipe import Selection

    Tensors = Mapping[str, torch.Tensor]

ALPHAS = tuple(step / 10 for step in range(11))
"""Weights of the trained tensors that held-out samples choose from."""


class WeightMean(NamedTuple):
    """A chosen mean: ``alpha`` and its ``tensors``; ``metrics`` on held-out samples by alpha."""

    alpha: float
    tensors: dict[str, torch.Tensor]
    metrics: dict[float, dict[str, float]]


def mean_weights(before: Tensors, after: Tensors, alpha: float) -> dict[str, torch.Tensor]:
    """Return ``(1 - alpha) * before + alpha * after`` of all floating-point tensors; others are those of ``after``.

    Running statistics are tensors, too. Tensors that were not trained stay as they are, bit for bit.
    """
    return {
        name: torch.lerp(before[name], tensor, alpha)
        if tensor.is_floating_point() and not torch.equal(before[name], tensor)
        else tensor
        for name, tensor in after.items()
    }


def choose_mean(
    before: Tensors,
    after: Tensors,
    alphas: Sequence[float],
    measure: Callable[[Tensors], dict[str, float]] | None,
    selection: Selection,
) -> WeightMean:
    """Choose a mean on held-out samples: by the selected metric, then by NLL, then the nearest to 0.5.

    The weights before and after training are measured even where they cannot be chosen.

    Args:
        before: weights before training.
        after: weights after training.
        alphas: weights of ``after`` to choose from; the first is taken if nothing can be measured.
        measure: metrics of a network with these weights on held-out samples; None if there are none.
        selection: the metric that decides.
    """
    metrics: dict[float, dict[str, float]] = {}
    best = alphas[0]
    if measure is not None:
        measured = sorted({*alphas, 0.0, 1.0})
        metrics = {alpha: measure(mean_weights(before, after, alpha)) for alpha in measured}
        best = max(alphas, key=lambda alpha: (metrics[alpha][selection], -metrics[alpha][TIE], -abs(alpha - 0.5)))
    return WeightMean(best, mean_weights(before, after, best), metrics)
