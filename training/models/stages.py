"""The stages of an image network, from its first layers to its last, as lists of parameter names.

The first entry is what comes before the first stage (patches, positions, stem). A stage is a block of a vision
transformer, or one of layer1 to layer4 of a ResNet; timm says itself what its stages are. Layers after the last stage
(a last norm, a projection, attention pooling) belong to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.models.towers import ImageTower

CLIP_STAGES = {"vit": ("transformer.resblocks",), "resnet": ("layer1", "layer2", "layer3", "layer4")}
TORCHVISION_STAGES = (("layer1", "layer2", "layer3", "layer4"), ("encoder.layers",), ("features",))
"""The stages, or a module whose children are the stages, of torchvision's networks; the first that exists is taken."""


def stages(tower: ImageTower) -> list[list[str]]:
    """Return the names of the parameters of the image network, those before the first stage first.

    Raises:
        InputError: the stages of this network are not known.
    """
    visual = tower.visual
    if tower.clip in CLIP_STAGES:
        grouped = _by_modules(visual, CLIP_STAGES[tower.clip])
    elif hasattr(visual, "trunk"):
        grouped = _by_timm(visual.get_submodule("trunk"), "trunk.")
        grouped[-1] += [name for name, _ in visual.named_parameters() if not name.startswith("trunk.")]
    elif tower.spec.family == "timm":
        grouped = _by_timm(visual, "")
    else:
        modules = {name for name, _ in visual.named_modules()}
        names = next((names for names in TORCHVISION_STAGES if modules.issuperset(names)), None)
        grouped = [] if names is None else _by_modules(visual, names)
    if len(grouped) < 2:
        raise InputError(
            f"The stages of {tower.spec.family}/{tower.spec.model} are not known, so no number of them can be trained; "
            "use `unfreeze=all` or `unfreeze=none`."
        )
    return [[tower.prefix + name for name in group] for group in grouped]


def _by_modules(network: torch.nn.Module, names: Sequence[str]) -> list[list[str]]:
    """Group parameters by stages given by name, or by the children of a single module."""
    if len(names) == 1:
        names = [f"{names[0]}.{child}" for child, _ in network.get_submodule(names[0]).named_children()]
    parameters = dict(network.named_parameters())
    grouped = [[name for name in parameters if name.startswith(f"{stage}.")] for stage in names]
    grouped = _merged([group for group in grouped if group], parameters)
    order = {name: at for at, name in enumerate(parameters)}
    others = [name for name in parameters if not any(name in group for group in grouped)]
    # Modules are listed in the order in which they are computed; parameters of the network itself stand before them.
    after = [name for name in others if order[name] > order[grouped[-1][-1]] or name == "proj"]
    before = [name for name in others if name not in after]
    grouped = [*grouped[:-1], [*grouped[-1], *after]]
    return [before, *grouped] if before else grouped  # the first of torchvision's `features` is its stem


def _by_timm(network: Any, prefix: str) -> list[list[str]]:
    """Group parameters as timm's matcher does, whose first group is the stem."""
    from timm.models import group_parameters

    if not hasattr(network, "group_matcher"):
        return []
    groups: dict[Any, list[str]] = group_parameters(network, network.group_matcher(coarse=True))
    parameters = dict(network.named_parameters())
    merged = _merged([groups[key] for key in sorted(groups)], parameters)
    return [[prefix + name for name in group] for group in merged]


def _merged(groups: list[list[str]], parameters: dict[str, torch.nn.Parameter]) -> list[list[str]]:
    """Append groups of vectors alone, such as a norm between stages, to the group before."""
    merged: list[list[str]] = []
    for group in groups:
        if merged and all(parameters[name].ndim < 2 for name in group):
            merged[-1] = [*merged[-1], *group]
        else:
            merged.append(list(group))
    return merged
