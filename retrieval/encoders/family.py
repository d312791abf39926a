"""The interface of encoder families, which describe and build encoders of one library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retrieval.encoders.artefact import Artefact
    from retrieval.types import Encoder, EncoderSpec, Precision, Preprocess


class Description(NamedTuple):
    """An encoder before it is built.

    Attributes:
        family: the family that builds it; for a folder, the family in its card.
        model: name of the model, aliases resolved.
        source: location of the weights, aliases resolved.
        preprocess: the preprocessing with which the weights were trained.
        batch_size: number of images in every forward pass, if the model fixes it; None to choose it by device.
        licence: licence of the weights, where the family's library or their configuration names it.
        repository: hub repository whose model card names it otherwise.
        precision: what the precision ``auto`` means for this encoder; None to choose it by device.
    """

    family: str
    model: str
    source: str
    preprocess: Preprocess
    batch_size: int | None = None
    licence: str | None = None
    repository: str | None = None
    precision: Precision | None = None


class Family(Protocol):
    """A family of encoders.

    A ``source`` is a location of weights: ``tag:T``, ``file:PATH``, ``folder:PATH``, ``hf-hub:R`` or ``random:SEED``.
    """

    def is_contrastive(self, model: str) -> bool:
        """Return whether a model, named as in a description, encodes images and texts to one space.

        The precision ``auto`` depends on it.
        """
        ...

    def claims(self, path: Path) -> bool:
        """Return whether a file or folder given without a family (``--encoder PATH``) is an encoder of this family."""
        ...

    def models(self) -> Sequence[str]:
        """Return the names of the models that the family's library has, empty if it builds what a file describes."""
        ...

    def check(self, model: str) -> tuple[str, str | None]:
        """Check the name of a model.

        Returns:
            The name of the model, and the weights that the given name implies (a tag, ``hf-hub:R``, ``file:PATH`` or
            ``folder:PATH``) or None. Names that begin with ``hf-hub:``, and folders, are those of a repository.

        Raises:
            UnknownNameError: the model does not exist.
            MissingFileError: the model is a file that does not exist.
        """
        ...

    def tags(self, model: str) -> Sequence[str]:
        """Return the tags of published weights of a model, the usual one first."""
        ...

    def find(self, model: str, source: str) -> Artefact:
        """Return the files of a source other than ``random:``; those that are not in a local cache are downloaded.

        A ``folder:`` without a card of ours is found here, too.

        Raises:
            MissingFileError: a local file does not exist.
            NetworkError: the download failed.
        """
        ...

    def describe(self, model: str, source: str) -> Description:
        """Return the encoder's description, with aliases resolved and the preprocessing of these weights."""
        ...

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> Encoder:
        """Build an encoder with the weights of an artefact, or with random weights if it is None.

        Raises:
            WeightsError: the weights do not fit the model.
        """
        ...
