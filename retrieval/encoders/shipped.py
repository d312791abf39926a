"""Models that ship with the project: folders of ``data/models`` in the layout that open_clip calls ``local-dir:``."""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import MissingFileError

TAG = "vitrine"
"""The tag of their weights."""

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"

NAMES = ("vitrine-tiny",)

CONFIG, VOCABULARY, WEIGHTS = "open_clip_config.json", "vocabulary.txt.gz", "open_clip_model.safetensors"


def shipped(model: str) -> bool:
    """Whether a model of this name ships, or is meant to."""
    return model in NAMES


def shipped_file(model: str, name: str) -> Path:
    """A file of a model that ships.

    Raises:
        MissingFileError: it is not there yet, or not any more.
    """
    path = MODELS / model / name
    if not path.is_file():
        raise MissingFileError(
            f"open_clip/{model} is not complete here: {path} is missing; install Vitrine again, or train it: vitrine "
            f"train clip --config {model} --out RUN, and copy RUN/encoder to {MODELS / model}."
        )
    return path
