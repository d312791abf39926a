"""The seam of encoder families: what each knows of its models, their weights and their preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retrieval.encoders.artefact import Artefact
    from retrieval.types import Encoder, EncoderSpec, Preprocess


class Description(NamedTuple):
    """An encoder before it is built.

    Attributes:
        family: the family that builds it; another one than was named where a folder says so.
        model: its name, aliases resolved.
        source: where its weights are, aliases resolved.
        preprocess: what the weights were trained with.
    """

    family: str
    model: str
    source: str
    preprocess: Preprocess


class Family(Protocol):
    """A family of encoders.

    A ``source`` says where weights are: ``tag:T``, ``file:PATH``, ``folder:PATH``, ``hf-hub:R`` or ``random:SEED``.
    ``contrastive`` says that images and texts share the vectors, which decides the precision ``auto``.
    """

    contrastive: bool

    def claims(self, path: Path) -> bool:
        """Whether a file or folder that is named alone (``--encoder PATH``) is an encoder of this family."""
        ...

    def check(self, model: str) -> tuple[str, str | None]:
        """The model's own name, and the weights that the name itself implies: a tag, ``hf-hub:R`` or ``folder:PATH``.

        Raises:
            UnknownNameError: there is no such model.
        """
        ...

    def tags(self, model: str) -> Sequence[str]:
        """Tags of published weights, best known first."""
        ...

    def find(self, model: str, source: str) -> Artefact:
        """The files of a ``tag:`` or ``hf-hub:`` source, downloaded if need be.

        Raises:
            NetworkError: they have to be downloaded and cannot be.
        """
        ...

    def describe(self, model: str, source: str) -> Description:
        """What the encoder is: names with aliases resolved, and the preprocessing these weights were trained with."""
        ...

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> Encoder:
        """Build the model and fill it with the weights of ``artefact``, or with random values if None.

        Raises:
            WeightsError: the weights do not fit.
        """
        ...
