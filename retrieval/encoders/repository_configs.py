"""Tell by the configuration in a folder or a hub repository which family builds its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import find_card
from retrieval.errors import InputError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from pathlib import Path

OPEN_CLIP_CONFIG = "open_clip_config.json"
CONFIG = "config.json"
"""Configuration of a timm model (with ``architecture``) or of a transformers model (with ``model_type``)."""


def read_config(path: Path) -> dict[str, Any]:
    """Read ``config.json``.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is no JSON object.
    """
    config = read_json(path, "the configuration of a model")
    if not isinstance(config, dict):
        raise InputError(f"{path} is no configuration of a model; fetch the repository again.")
    return config


def config_family(path: Path) -> str | None:
    """Return the family that builds the model of a configuration; None if the configuration is of another library.

    Raises:
        InputError: the file is no JSON object.
    """
    if path.name == OPEN_CLIP_CONFIG:
        return "open_clip"
    config = read_config(path)
    if isinstance(config.get("architecture"), str):
        return "timm"
    kind, architectures = config.get("model_type"), config.get("architectures")
    if "miewid" in f"{kind} {architectures}".lower():  # MiewIdNet
        return "miewid"
    return "hf" if isinstance(kind, str) else None


def folder_family(folder: Path) -> str | None:
    """Return the family of a folder as its authors publish it, without a card of ours; None for other paths."""
    if not folder.is_dir() or find_card(folder) is not None:
        return None
    path = next((folder / name for name in (OPEN_CLIP_CONFIG, CONFIG) if (folder / name).is_file()), None)
    return None if path is None else config_family(path)
