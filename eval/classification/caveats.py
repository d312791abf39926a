"""Warnings beside the numbers of a classification: what makes a number say less than it seems to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from eval.scorers.knn import VoteOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eval.results.schema import ArmResult, Metric
    from eval.seams.scorer import Arm


def worse_than_arms(arms: Mapping[str, ArmResult]) -> tuple[str, ...]:
    """Say over which arms a fusion gains nothing but loses on test, by the first of its metrics.

    Args:
        arms: results of the arms with the gains of the fusion. If one has none, it is the whole, which is no fusion.
    """
    if len(arms) < 2 or any(arm.gains is None for arm in arms.values()):
        return ()
    words = []
    for name, arm in arms.items():
        metric, gain = next(iter((arm.gains or {}).items()))
        if gain.value < 0:
            words.append(
                f"On test the fusion is worse than arm {name} alone: {metric.replace('_', '-')} "
                f"{_points(gain.value, gain.ci95)} (paired difference in percent)."
            )
    return tuple(words)


def _points(value: float, ci95: tuple[float, float] | None) -> str:
    """A difference in percent and its interval: ``-3.8 [-7.5, -1.1]``."""
    interval = "" if ci95 is None else f" [{100 * ci95[0]:+.1f}, {100 * ci95[1]:+.1f}]"
    return f"{100 * value:+.1f}{interval}"


def metric_caveats(
    metrics: Mapping[str, Metric], classes: int, *, calibrated: bool, rules_out: bool = False
) -> tuple[str, ...]:
    """Warn of top-k with no more than k classes, and of an NLL that is worse than that of equal probabilities.

    Args:
        metrics: metrics of the whole.
        classes: C, the size of the label universe.
        calibrated: whether a temperature was fitted on val.
        rules_out: whether the true class may have probability 0, so that the NLL is large for another reason.
    """
    words = []
    certain = [name for name in metrics if name.startswith("top_") and int(name.removeprefix("top_")) >= classes]
    if certain:
        names = " and ".join(name.replace("_", "-") for name in certain)
        words.append(f"With {classes} classes {names} is 100 % by construction.")
    nll, uniform = metrics["nll"].value, math.log(classes)
    if nll > uniform and not rules_out:
        way = (
            "val, on which the temperature was fitted, is unlike test"
            if calibrated
            else "the probabilities are too sure of themselves; `calibrate=true` fits a temperature on val"
        )
        words.append(f"NLL {nll:.3f} is above ln({classes}) = {uniform:.3f}, that of equal probabilities: {way}.")
    return tuple(words)


def without_covariance(arms: Sequence[Arm], shots: Sequence[int]) -> tuple[str, ...]:
    """Warn that the scorer ``gda`` has no covariance with one sample per class.

    Args:
        arms: the arms.
        shots: the numbers of train samples per class.
    """
    if 1 not in shots or all(arm.scorer.name != "gda" for arm in arms):
        return ()
    return ("With one shot per class gda has no covariance to estimate; it takes the identity, as prototypes do.",)


def few_neighbours(arms: Sequence[Arm], samples: Mapping[str, int]) -> tuple[str, ...]:
    """Warn of arms of the scorer ``knn`` whose k is larger than the number of samples that may vote.

    Args:
        arms: the arms.
        samples: name of an arm to the smallest number of samples that it learns from in a draw.
    """
    words = []
    for arm in arms:
        if not isinstance(arm.options, VoteOptions) or arm.name not in samples:
            continue
        least = samples[arm.name]
        large = sorted({k for k in arm.options.k if k > least})
        if large:
            words.append(
                f"Arm {arm.name} has only {least} train samples in a draw, so that with k={','.join(map(str, large))} "
                "all of them vote."
            )
    return tuple(words)
