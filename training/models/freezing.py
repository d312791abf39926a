"""Freeze a network but for its last stages, and list what is trained at which rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from retrieval.errors import InputError
from training.models.stages import stages

if TYPE_CHECKING:
    import torch

    from training.models.towers import ImageTower

Unfreeze = Literal["all", "none"] | Annotated[int, Field(ge=1)]
"""What is trained of an image network: ``all``, ``none``, or its last N stages (:mod:`training.models.stages`)."""


def freeze(tower: ImageTower, unfreeze: Unfreeze) -> None:
    """Freeze the image network but for its last stages.

    Frozen parameters get no gradients. Frozen modules stay in evaluation mode whatever ``train()`` says: batch
    normalisation keeps its running statistics, dropout is off.

    Args:
        tower: the network, none of which was frozen before.
        unfreeze: what is trained.

    Raises:
        InputError: the network has fewer stages, or its stages are not known.
    """
    if unfreeze == "all":
        return
    if unfreeze == "none":
        freeze_parameters(tower.visual, [name for name, _ in tower.visual.named_parameters()])
        return
    groups = stages(tower)
    if unfreeze >= len(groups):
        raise InputError(
            f"{tower.spec.family}/{tower.spec.model} has {len(groups) - 1} stages, so the last {unfreeze} cannot be "
            "trained; use `unfreeze=all`, or a smaller number."
        )
    freeze_parameters(tower.network, [name for group in groups[:-unfreeze] for name in group])


def freeze_parameters(network: torch.nn.Module, names: Iterable[str]) -> None:
    """Freeze parameters by name, and keep modules in evaluation mode whose parameters are all frozen."""
    for name in names:
        network.get_parameter(name).requires_grad_(False)
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
            vars(module)["train"] = MethodType(_stay, module)


def _stay(module: Any, mode: bool = True) -> Any:  # noqa: FBT001, FBT002 - the signature of torch
    """Take the place of ``train`` of a frozen module, which stays in evaluation mode."""
    del mode
    return module


@dataclass(frozen=True, slots=True)
class Rate:
    """Learning rate and weight decay of a part; biases have rate and decay of their own where they are given."""

    rate: float
    decay: float
    bias_rate: float | None = None
    bias_decay: float | None = None


@dataclass(frozen=True, slots=True)
class NamedParameters:
    """Trained parameters with one rate and one decay.

    Attributes:
        part: name of the part of the model, such as ``visual`` or ``prompts``; ``PART biases`` for biases apart.
        names: names of the parameters in the model.
        numbers: how many numbers they are.
        rate: learning rate.
        decay: weight decay.
    """

    part: str
    names: tuple[str, ...]
    numbers: int
    rate: float
    decay: float


def parameter_groups(
    model: torch.nn.Module, parts: Mapping[str, Sequence[str]], rates: Mapping[str, Rate]
) -> list[NamedParameters]:
    """List the groups of the trained parameters of a model.

    Args:
        model: the model.
        parts: part -> names of its parameters, of which the frozen are left out; a name is in one part only.
        rates: part -> its rates; only these parts are listed.
    """
    parameters = dict(model.named_parameters())
    groups = []
    for part, rate in rates.items():
        trained = [name for name in parts[part] if parameters[name].requires_grad]
        apart = rate.bias_rate is not None or rate.bias_decay is not None
        biases = [name for name in trained if apart and name.rpartition(".")[2].endswith("bias")]
        weights = [name for name in trained if name not in set(biases)]
        bias_rate = rate.rate if rate.bias_rate is None else rate.bias_rate
        bias_decay = rate.decay if rate.bias_decay is None else rate.bias_decay
        rows = ((part, weights, rate.rate, rate.decay), (f"{part} biases", biases, bias_rate, bias_decay))
        for label, names, learning_rate, decay in rows:
            if names:
                numbers = sum(parameters[name].numel() for name in names)
                groups.append(NamedParameters(label, tuple(names), numbers, learning_rate, decay))
    return groups


def torch_groups(model: torch.nn.Module, groups: Iterable[NamedParameters]) -> list[dict[str, Any]]:
    """Return groups as a torch optimiser takes them."""
    return [
        {
            "name": group.part,
            "params": [model.get_parameter(name) for name in group.names],
            "lr": group.rate,
            "weight_decay": group.decay,
        }
        for group in groups
    ]


def trained_and_all(model: torch.nn.Module) -> tuple[int, int]:
    """Return how many numbers of a model are trained, and how many it has."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)
