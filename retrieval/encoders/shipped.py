"""Models shipped with Vitrine: folders of ``data/models``, each with a card."""

from __future__ import annotations

from pathlib import Path

from retrieval.encoders.artefact import Artefact, open_folder
from retrieval.errors import MissingFileError

TAG = "vitrine"
"""Tag of the weights of shipped models."""

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"

NAMES = ("vitrine-tiny",)

CONFIG, VOCABULARY, WEIGHTS = "open_clip_config.json", "vocabulary.txt.gz", "open_clip_model.safetensors"


def shipped(model: str) -> bool:
    """Return whether a name is that of a shipped model."""
    return model in NAMES


def shipped_artefact(model: str) -> Artefact:
    """Return the artefact of a shipped model.

    Raises:
        MissingFileError: the folder or a part of it does not exist.
        WeightsError: a part was changed.
    """
    folder = MODELS / model
    try:
        return open_folder(folder)
    except MissingFileError as error:
        raise MissingFileError(
            f"open_clip/{model} is not complete here: {str(error).removesuffix('.')}; install Vitrine again, or train "
            f"it: vitrine train clip --config {model} --out RUN, and copy RUN/encoder to {folder}."
        ) from None
