"""Encoders written by training jobs: folders with a card, built by the family in the card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders.adapter import FAMILY_NAME as ADAPTER
from retrieval.encoders.adapter_encoder import FAMILY as ADAPTERS
from retrieval.encoders.artefact import CARD, FOLDER, find_card, open_folder
from retrieval.encoders.family import Description
from retrieval.encoders.folder_family import FolderFamily
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.encoders.artefact import Artefact
    from retrieval.types import Encoder, EncoderSpec


class CheckpointFamily(FolderFamily):
    """Family ``checkpoint``: ``checkpoint/FOLDER``. The spec of its encoders has the family in the card."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: the family in the card answers."""
        return False

    def claims(self, path: Path) -> bool:
        """Return whether a path is a folder with a card, or a training run with such a folder."""
        return find_card(path) is not None

    def find(self, model: str, source: str) -> Artefact:
        """Raise an error: the family in the card finds the weights of a folder."""
        raise InputError(f"checkpoint/{model} has its weights in the folder; leave out {source}.")

    def describe(self, model: str, source: str) -> Description:
        """Read the card.

        Raises:
            MissingFileError: the folder, the card or a part does not exist.
            WeightsError: a part was changed.
            InputError: the card is invalid.
        """
        from retrieval.encoders.registry import FAMILIES

        artefact = open_folder(Path(source.removeprefix(FOLDER)))
        card, pixels = artefact.card, artefact.preprocess
        if card is not None and card.family == ADAPTER:
            return ADAPTERS.describe(model, f"{FOLDER}{artefact.path}")
        if card is None or pixels is None or card.family not in FAMILIES or card.family == "checkpoint":
            raise InputError(
                f"{model}: {CARD} names a family that does not exist here; update Vitrine, or train again."
            )
        return Description(card.family, card.model, f"{FOLDER}{artefact.path}", pixels)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> Encoder:
        """Raise an error: the family in the card builds the encoder."""
        del device, artefact
        raise InputError(f"checkpoint/{spec.model} is built by the family that its {CARD} names.")


FAMILY = CheckpointFamily("checkpoint")
