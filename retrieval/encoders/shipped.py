"""Models that ship with the project: folders of ``data/models``, each an artefact with its card."""

from __future__ import annotations

from pathlib import Path

from retrieval.encoders.artefact import Artefact, open_folder
from retrieval.errors import MissingFileError

TAG = "vitrine"
"""The tag of their weights."""

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"

NAMES = ("vitrine-tiny",)

CONFIG, VOCABULARY, WEIGHTS = "open_clip_config.json", "vocabulary.txt.gz", "open_clip_model.safetensors"


def shipped(model: str) -> bool:
    """Whether a model of this name ships, or is meant to."""
    return model in NAMES


def shipped_artefact(model: str) -> Artefact:
    """The folder of a model that ships.

    Raises:
        MissingFileError: it is not there, or not all of it.
        WeightsError: a part of it was changed.
    """
    folder = MODELS / model
    try:
        return open_folder(folder)
    except MissingFileError as error:
        raise MissingFileError(
            f"open_clip/{model} is not complete here: {str(error).removesuffix('.')}; install Vitrine again, or train "
            f"it: vitrine train clip --config {model} --out RUN, and copy RUN/encoder to {folder}."
        ) from None
