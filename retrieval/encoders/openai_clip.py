"""Which activation CLIP weights were trained with, and which model an archive of OpenAI holds.

OpenAI trained with QuickGELU, ``x * sigmoid(1.702 x)``; most others with GELU. open_clip has both as models
(``ViT-B-32-quickgelu``, ``ViT-B-32``) of equal shapes, so the wrong one loads without an error and gives wrong vectors.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import split_inside
from retrieval.encoders.hub import HUB, hub_file
from retrieval.encoders.torchscript import code_contains, is_torchscript
from retrieval.encoders.weights import read_weights
from retrieval.errors import InputError, NetworkError, UnknownNameError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch

QUICK = "-quickgelu"
SCALARS = frozenset(("input_resolution", "context_length", "vocab_size"))
"""Numbers beside the weights in OpenAI's archives; state dicts that were saved from them have them too."""

CONFIG = "open_clip_config.json"


def quick_reason(source: str, tag_config: Mapping[str, Any]) -> str | None:
    """Return why weights need QuickGELU, for a message; None if nothing says so.

    Args:
        source: location of the weights.
        tag_config: open_clip's configuration of the tag of ``source``; empty for other sources.

    Raises:
        MissingFileError, InputError, WeightsError: a file cannot be read.
    """
    kind, _, value = source.partition(":")
    if kind == "tag" and tag_config.get("quick_gelu", False):
        return f"the weights of the tag {value} were trained with it"
    if kind == "file":
        return _file_reason(*split_inside(value))
    if source.startswith(HUB) and _repository_says_so(value):
        return f"{CONFIG} of {source} says so"
    return None


def _file_reason(path: Path, inside: str) -> str | None:
    if is_torchscript(path):
        return None if code_contains(path, "torch.gelu(") else f"{path.name} is an archive of OpenAI's CLIP"
    names = {key.rpartition(".")[2] for key in _keys(path, inside)}
    return f"{path.name} holds {min(SCALARS)}, as OpenAI's archives do" if names >= SCALARS else None


def _keys(path: Path, inside: str) -> Iterable[str]:
    """Return the names of the tensors in a file; of a safetensors file only the header is read."""
    if path.suffix == ".safetensors" and path.is_file():
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                return list(file.keys())
        except (SafetensorError, OSError):
            return ()  # the message is written where the file is read
    return read_weights(path, inside).tensors


def _repository_says_so(repository: str) -> bool:
    try:
        config = read_json(hub_file(repository, [CONFIG]), "the configuration of a model")
    except (InputError, NetworkError, UnknownNameError):
        return False
    model = config.get("model_cfg") if isinstance(config, dict) else None
    return isinstance(model, dict) and model.get("quick_gelu") is True


def activation_note(model: str, source: str, reason: str | None, names: Iterable[str]) -> str | None:
    """Return which activation was chosen and why; None where there is nothing to choose.

    Args:
        model: name of the model that is built.
        source: location of its weights.
        reason: from :func:`quick_reason`.
        names: names of open_clip's models.
    """
    if model.endswith(QUICK):
        return f"open_clip/{model}: the activation is QuickGELU, because {reason or 'its name says so'}."
    if f"{model}{QUICK}" in names and source.startswith(("file:", HUB)):
        return (
            f"open_clip/{model}: the activation is GELU, and nothing in the weights says otherwise; those that descend "
            f"from OpenAI's need QuickGELU: `encoder=open_clip/{model}{QUICK}`."
        )
    return None


def is_archive(path: Path) -> bool:
    """Return whether a path is an archive as OpenAI publishes its models: ``ViT-B-32.pt``."""
    return path.suffix in {".pt", ".jit"} and path.is_file() and is_torchscript(path)


def archive_model(path: Path, configs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of the model that an archive of OpenAI holds, by the shapes of its tensors.

    Args:
        path: the archive.
        configs: open_clip's configurations of the models it may be.

    Raises:
        InputError: it is none of them.
        WeightsError: the archive cannot be read.
    """
    shape = _shape(read_weights(path).tensors)
    name = next((name for name, config in configs.items() if shape == _expected(config)), None)
    if name is None:
        raise InputError(
            f"{path} holds none of OpenAI's CLIP models; say which it is: `encoder=open_clip/MODEL:{path}`."
        )
    return name


def _shape(tensors: Mapping[str, torch.Tensor]) -> tuple[Any, ...] | None:
    """Return dimension, width, layers, patch and image size of the image tower; None if there is none."""
    first = tensors.get("visual.conv1.weight")
    positions = tensors.get("visual.positional_embedding", tensors.get("visual.attnpool.positional_embedding"))
    projection = tensors.get("visual.proj", tensors.get("visual.attnpool.c_proj.weight"))
    if first is None or positions is None or projection is None:
        return None
    side = round((len(positions) - 1) ** 0.5)
    if "visual.proj" in tensors:
        layers: Any = _count(tensors, r"visual\.transformer\.resblocks\.(\d+)\.")
        return projection.shape[1], first.shape[0], layers, first.shape[-1], side * first.shape[-1]
    layers = [_count(tensors, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)]
    return projection.shape[0], 2 * first.shape[0], layers, None, 32 * side


def _expected(config: Mapping[str, Any]) -> tuple[Any, ...]:
    vision = config["vision_cfg"]
    keys = ("width", "layers", "patch_size", "image_size")
    return (config["embed_dim"], *(vision.get(key) for key in keys))


def _count(tensors: Mapping[str, Any], pattern: str) -> int:
    return len({match.group(1) for key in tensors if (match := re.match(pattern, key))})
