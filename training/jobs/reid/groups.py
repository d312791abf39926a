"""What the stages of the job ``reid`` train, at which rates, with which optimisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.models.freezing import NamedParameters, Rate, freeze, freeze_parameters, parameter_groups, torch_groups
from training.optimisers import Optimisers, ScheduledOptimiser
from training.schedule import constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.jobs.reid.network import ReidNetwork
    from training.jobs.reid.recipe import PromptStageConfig, ReidRecipe
    from training.schedule import Schedule


def prompt_groups(network: ReidNetwork, stage: PromptStageConfig) -> list[NamedParameters]:
    """Freeze all but the words of identities, and return their group."""
    for name, parameter in network.module.named_parameters():
        parameter.requires_grad_(name == "words")
    rates = {"words": Rate(stage.rate, stage.weight_decay)}
    return parameter_groups(network.module, network.parts(), rates)


def image_groups(network: ReidNetwork, recipe: ReidRecipe) -> list[NamedParameters]:
    """Freeze what the image stage does not train, and return the groups of what it trains, without the centers.

    With the faults of the original, OneCycle raises all of them to the rate of the image network.

    Raises:
        InputError: the network has fewer stages than are to be trained.
    """
    stage, parts = recipe.image_stage, network.parts()
    rates, decays = stage.rates, stage.weight_decay
    text_rate = rates.text if network.words is not None else None
    trained = ("visual", "heads", "centers", *(("text",) if text_rate is not None else ()))
    trained_names = {name for part in trained for name in parts[part]}
    for name, parameter in network.module.named_parameters():
        parameter.requires_grad_(name in trained_names)
    freeze(network.tower, stage.unfreeze)
    if text_rate is None:
        freeze_parameters(network.module, parts["text"])
    one_rate = recipe.original_faults and stage.schedule.name == "one_cycle"

    def rate_of(rate: float, decay: float) -> Rate:
        rate = rates.visual if one_rate else rate
        bias_rate = None if rates.bias_factor == 1 else rate * rates.bias_factor
        return Rate(rate, decay, bias_rate, decays.bias)

    listed = {"visual": rate_of(rates.visual, decays.visual), "heads": rate_of(rates.heads, decays.heads)}
    if text_rate is not None:
        listed["text"] = rate_of(text_rate, decays.text)
    return parameter_groups(network.module, parts, listed)


def make_optimisers(
    network: ReidNetwork,
    groups: Sequence[NamedParameters],
    kind: str,
    schedule: Schedule,
    max_norm: float | None,
    *,
    center_rate: float | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> Optimisers:
    """Make the optimiser of the groups and, with a rate for them, that of the centers, whose rate is constant."""
    import torch

    given = torch_groups(network.module, groups)
    made = torch.optim.Adam(given) if kind == "adam" else torch.optim.AdamW(given)
    named = {"main": ScheduledOptimiser(made, schedule)}
    if center_rate is not None:
        named["centers"] = ScheduledOptimiser(torch.optim.SGD([network.centers], lr=center_rate), constant)
    clipped = [parameter for group in given for parameter in group["params"]]
    return Optimisers(named, max_norm, clipped, scaler)
