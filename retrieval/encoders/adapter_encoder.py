"""Encoders of linear adapters, which a training job left in a folder: the parent encoder, then a matrix, then L2.

An adapter is named by its folder, and its model after its parent: ``open_clip/vitrine-tiny+rla``. It encodes texts if
its parent does, to the same vectors.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders.adapter import FAMILY_NAME, Adapter, adapter_spec, mapped_vectors, read_adapter
from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.family import Description
from retrieval.encoders.folder_family import FolderFamily
from retrieval.errors import InputError, MissingFileError, NetworkError, WeightsError
from retrieval.types import PREPROJ, ProjectingEncoder, TextEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.encoders.artefact import Artefact
    from retrieval.types import ClassifierHead, Embeddings, Encoder, EncoderSpec, Float32, UInt8

BASE = "base"
"""The view of an encoder's own vectors."""

PLUS = "+"
"""What stands between the name of the parent and the method, in the name of an adapter."""


def adapter_model(parent: EncoderSpec, method: str) -> str:
    """Return the name of an adapter: that of its parent and the method by which it was trained."""
    name = parent.model if parent.family == FAMILY_NAME else f"{parent.family}/{parent.model}"
    return f"{name}{PLUS}{method}"


class AdapterFamily(FolderFamily):
    """Family ``adapter``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:
        """Return whether the parent, by its name in that of the adapter, encodes images and texts."""
        from retrieval.encoders.registry import FAMILIES, family

        parent = model.rpartition(PLUS)[0]
        if PLUS in parent:  # the parent is an adapter, too
            return self.is_contrastive(parent)
        name, _, rest = parent.partition("/")
        return name in FAMILIES and family(name).is_contrastive(rest)

    def describe(self, model: str, source: str) -> Description:
        """Describe the encoder as its parent is.

        Raises:
            MissingFileError, WeightsError: the folder cannot be used.
            InputError: the folder cannot be used, or the vectors of the parent were imported.
        """
        spec = adapter_spec(Path(source.removeprefix(FOLDER)))
        if spec.preprocess is None:
            raise InputError(
                f"{model} maps vectors that were imported, so it encodes no images; refresh its space from the stored "
                "vectors."
            )
        return Description(
            FAMILY_NAME, spec.model, spec.weights, spec.preprocess, spec.batch_size, spec.licence,
            precision=spec.precision,
        )  # fmt: skip

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> AdapterEncoder:
        """Load the parent and the matrix."""
        from retrieval.encoders.registry import load

        if artefact is None:
            raise InputError(f"adapter/{spec.model} has its weights in a folder, not random ones.")
        adapter = read_adapter(artefact.path)
        # What the user may override of an encoder holds for its parent, which sees the images.
        parent = replace(adapter.parent, preprocess=spec.preprocess, precision=spec.precision,
                         batch_size=spec.batch_size)  # fmt: skip
        try:
            encoder = load(parent, device)
        except (MissingFileError, NetworkError, WeightsError) as error:
            raise type(error)(
                f"Space {spec.model} needs the weights of its parent encoder to encode anything new, and these cannot "
                f"be used ({str(error).rstrip('.')}); what is stored can be evaluated and searched without them."
            ) from None
        if adapter.view != BASE and not (adapter.view == PREPROJ and isinstance(encoder, ProjectingEncoder)):
            raise InputError(f"{spec.model} maps the view {adapter.view}, which its parent encoder does not give.")
        if isinstance(encoder, TextEncoder):
            return AdapterTextEncoder(spec, encoder, adapter, encoder)
        return AdapterEncoder(spec, encoder, adapter)


class AdapterEncoder:
    """Encodes images by the parent and the matrix."""

    def __init__(self, spec: EncoderSpec, parent: Encoder, adapter: Adapter) -> None:
        """Make an encoder; ``parent`` is the loaded encoder of ``adapter.parent``."""
        self._spec, self._parent, self._adapter = spec, parent, adapter

    @property
    def spec(self) -> EncoderSpec:
        """Spec of the adapter."""
        return self._spec

    @property
    def parent(self) -> Encoder:
        """The encoder whose vectors are mapped."""
        return self._parent

    @property
    def view(self) -> str:
        """The view of the parent's vectors that are mapped."""
        return self._adapter.view

    @property
    def matrix(self) -> Float32:
        """(d, d of the view): what maps them; with one column more, for a bias."""
        return self._adapter.matrix

    @property
    def device(self) -> str:
        """The torch device on which the parent runs."""
        return self._parent.device

    @property
    def dimension(self) -> int:
        """Number of dimensions d of the vectors."""
        return len(self._adapter.matrix)

    @property
    def head(self) -> ClassifierHead | None:
        """None: the classifier of the parent does not fit the mapped vectors."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of the parent's weights."""
        return self._parent.notes

    def encode_images(self, batch: UInt8) -> Embeddings:
        """Encode pixels (n, height, width, 3) uint8; the lengths are those after the product."""
        if isinstance(self._parent, ProjectingEncoder) and self._adapter.view == PREPROJ:
            before = self._parent.encode_both(batch)[1]
        else:
            before = self._parent.encode_images(batch)
        return mapped_vectors(before, self._adapter.matrix)


class AdapterTextEncoder(AdapterEncoder):
    """An adapter whose parent encodes texts; their vectors are the parent's."""

    def __init__(self, spec: EncoderSpec, parent: Encoder, adapter: Adapter, texts: TextEncoder) -> None:
        """Make an encoder; ``texts`` is the parent as an encoder of texts."""
        super().__init__(spec, parent, adapter)
        self._texts = texts

    @property
    def logit_scale(self) -> float:
        """The parent's factor on cosines."""
        return self._texts.logit_scale

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Encode n texts to the parent's vectors (n, d)."""
        return self._texts.encode_texts(texts)


FAMILY = AdapterFamily(FAMILY_NAME)
