"""Low-rank changes of an image tower's weights (LoRA, Hu et al. 2022), by the package peft."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from retrieval.errors import MissingDependencyError

if TYPE_CHECKING:
    import torch

    from training.jobs.finetune_recipe import LoraConfig


def add_lora(visual: torch.nn.Module, config: LoraConfig) -> Any:
    """Add low-rank changes to linear layers, attention and convolutions of an image tower, in place.

    Only the changes get gradients. Attention pooling of a ResNet is left out, because it uses its layers' weights
    directly.

    Returns:
        The object of peft; its ``merge_and_unload()`` adds the changes to the weights.

    Raises:
        MissingDependencyError: peft is not installed.
    """
    peft = _peft()
    settings = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=lora_layers(visual)
    )
    return peft.LoraModel(visual, settings, "default")


def lora_layers(visual: torch.nn.Module) -> list[str]:
    """Return the names of the layers that get changes."""
    import torch

    names: list[str] = []
    inside: tuple[str, ...] = ("attnpool.",)
    for name, layer in visual.named_modules():
        if name.startswith(inside):
            continue
        if isinstance(layer, torch.nn.MultiheadAttention):
            names.append(name)
            inside = (*inside, f"{name}.")
        elif isinstance(layer, torch.nn.Linear) or (isinstance(layer, torch.nn.Conv2d) and layer.groups == 1):
            names.append(name)
    return names


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise MissingDependencyError(
            "train=lora needs the package peft: pip install 'vitrine[lora]', or pip install peft."
        ) from error
