"""Configurations of timm in hub repositories and folders: the model, how it is built, how images are prepared.

A ``source`` is ``hf-hub:REPOSITORY`` or ``folder:PATH``; of other sources nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.config_faults import LARGEST_IMAGE, are_sizes, pixels_fault
from retrieval.encoders.hub import HUB, WITH_FOLDER, hub_file
from retrieval.encoders.repository_configs import CONFIG, OPEN_CLIP_CONFIG, config_family, read_config
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from retrieval.types import ResizeMode

PIXELS = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
"""Keys of a ``pretrained_cfg`` that say how images are prepared."""

BUILT_WITH = (
    "img_size",
    "global_pool",
    "init_values",
    "class_token",
    "reg_tokens",
    "no_embed_class",
    "dynamic_img_size",
)
"""Keys of ``model_args`` in a configuration with which a model is built; others could read files or be of any size."""

RESIZE_MODES: dict[str, ResizeMode] = {"center": "shortest", "squash": "squash", "border": "longest"}
"""timm's ``crop_mode`` to our way of resizing."""


def architecture(source: str) -> str:
    """Return the name of the model in the configuration of a hub repository or a folder.

    Raises:
        UnknownNameError: it names no model of timm.
    """
    place = source.removeprefix(FOLDER)
    configs = (CONFIG, OPEN_CLIP_CONFIG)
    hub = source.startswith(HUB)
    path = hub_file(source.removeprefix(HUB), configs, WITH_FOLDER) if hub else _config_file(source)
    kind = None if path is None else config_family(path)
    if path is None or kind != "timm":
        way_out = f"; leave the family out: `encoder={place}`" if kind else ""
        raise UnknownNameError(f"{place} is no repository of timm, whose {CONFIG} names its `architecture`{way_out}.")
    name = str(read_config(path)["architecture"]).partition(".")[0]
    repair_torchvision()
    import timm

    if not timm.is_model(name):
        raise UnknownNameError(
            f"{path} is of '{name}', which this version of timm does not have; update timm, or name another encoder."
        )
    return name


def _config_file(source: str) -> Path | None:
    """Return ``config.json`` of a hub repository or a folder; None if it has none, and for other sources."""
    if source.startswith(FOLDER):
        path = Path(source.removeprefix(FOLDER)) / CONFIG
        return path if path.is_file() else None
    if not source.startswith(HUB):
        return None
    try:
        return hub_file(source.removeprefix(HUB), [CONFIG])
    except UnknownNameError:
        return None


def pretrained_config(source: str) -> dict[str, Any]:
    """Return the ``pretrained_cfg`` of a hub repository or a folder, empty if it has none.

    Raises:
        InputError: the configuration is invalid.
    """
    path = _config_file(source)
    if path is None:
        return {}
    config = read_config(path)
    pretrained = config.get("pretrained_cfg", config)
    if fault := _fault(pretrained):
        raise InputError(f"{path} has no preprocessing of timm ({fault}); give `preprocess` and `weights=FILE`.")
    return cast("dict[str, Any]", pretrained)


def _fault(pretrained: Any) -> str | None:
    """Return what is wrong with a ``pretrained_cfg``; None if nothing is."""
    if not isinstance(pretrained, dict):
        return "pretrained_cfg is no mapping"
    size, share = pretrained.get("input_size"), pretrained.get("crop_pct")
    if size is not None and not (are_sizes(size) and isinstance(size, list) and len(size) == 3):  # channels too
        return f"input_size is {size!r:.40}"
    if size is not None and max(size) > LARGEST_IMAGE:
        return f"input_size is above {LARGEST_IMAGE}"
    if share is not None and not (isinstance(share, int | float) and 0.1 <= share <= 2):  # far beyond use
        return f"crop_pct is {share!r:.40}"
    if pretrained.get("crop_mode") not in (None, *RESIZE_MODES):
        return f"crop_mode is {pretrained['crop_mode']!r:.40}"
    return pixels_fault(pretrained)


def model_args(model: str, source: str) -> dict[str, Any]:
    """Return how the configuration of a repository or folder differs from the model of timm that it names.

    Raises:
        InputError: it differs in a way that is not built.
    """
    path = _config_file(source)
    config = {} if path is None else read_config(path)
    stated = config.get("model_args") or {}
    if str(config.get("architecture")).partition(".")[0] != model:
        return {}
    fault = _args_fault(stated) if isinstance(stated, dict) else "not a mapping"
    if fault:
        raise InputError(f"{path} builds {model} with model_args that Vitrine does not take ({fault}).")
    return {name: value for name, value in stated.items() if name != "num_classes"}


def _args_fault(stated: Mapping[str, Any]) -> str | None:
    """Return which of the ``model_args`` of a configuration is not built; None if all are."""
    for name, value in stated.items():
        sizes = value if isinstance(value, list) else [value]
        if name not in (*BUILT_WITH, "num_classes") or not all(isinstance(size, int | float | str) for size in sizes):
            return f"{name}={value!r:.40}"
        if any(isinstance(size, int | float) and size > LARGEST_IMAGE for size in sizes) and name != "num_classes":
            return f"{name}={value!r:.40}"
    return None
