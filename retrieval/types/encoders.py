"""Encoders: the data that identifies one, its outputs, and its interface."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from retrieval.types.arrays import Float32, UInt8, digest
from retrieval.types.samples import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

Precision = Literal["fp32", "bf16", "fp16"]


Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]


ResizeMode = Literal["shortest", "longest", "squash"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Preprocessing of images: convert to RGB, resize, crop the centre, scale to [0, 1], normalise.

    ``resize`` is the length in pixels of the shorter side (``mode`` ``shortest``), of the longer side of an image that
    is then padded with ``fill`` (``longest``), or of both sides (``squash``). ``crop`` is (height, width); if it is not
    square, ``resize`` is the shorter side of a box with the shape of the crop. ``mean`` and ``std`` are those of the
    RGB channels. Results equal those of torchvision's transforms on PIL images.
    """

    resize: int
    crop: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"
    mode: ResizeMode = "shortest"
    fill: int = 0


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The data that identifies an encoder, sufficient to load it again.

    ``weights`` is the location of the weights (``tag:laion2b``, ``file:/abs/path``, ``hf-hub:org/repo@revision``,
    ``random:0``) and ``weights_digest`` their hash. Only the hash is part of the fingerprint, so a file of weights may
    move. ``batch_size`` is the size to which every batch is padded. ``licence`` is that of the weights, as their
    authors name it; None if it is not known.
    """

    family: str
    model: str
    weights: str
    weights_digest: str
    preprocess: Preprocess | None
    precision: Precision
    batch_size: int
    crop: str = WHOLE
    licence: str | None = None

    def _identity(self, *, with_precision: bool) -> str:
        data = asdict(self)
        for key in ("weights", "batch_size", "licence", *(() if with_precision else ("precision",))):
            del data[key]
        return json.dumps(data, sort_keys=True)

    @property
    def fingerprint(self) -> str:
        """Identifier of the space of this encoder's vectors (32 hex digits)."""
        return digest("space", self._identity(with_precision=True), size=16)

    @property
    def lineage(self) -> str:
        """Hash like the fingerprint, without precision; precision ``auto`` reuses a space of the same lineage."""
        return digest("lineage", self._identity(with_precision=False), size=16)

    def to_json(self) -> str:
        """Serialise to JSON, sorted by key."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> EncoderSpec:
        """Read the JSON that :meth:`to_json` returns."""
        data = json.loads(text)
        pixels = data.pop("preprocess")
        if pixels is not None:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in pixels.items()}
            pixels = Preprocess(**values)
        return cls(preprocess=pixels, **data)

    def at(self, weights: str) -> EncoderSpec:
        """Return the same encoder with another location of its weights."""
        return replace(self, weights=weights)


class Embeddings(NamedTuple):
    """``vectors`` (n, d) float32, L2-normalised, and ``norms`` (n,) float32, their lengths before normalisation.

    With the norms, the logits of a classifier can be computed from the store: ``norm * (W @ v) + b``.
    """

    vectors: Float32
    norms: Float32


class ClassifierHead(NamedTuple):
    """A trained last layer: ``weight`` (classes, d) and ``bias`` (classes,), float32."""

    weight: Float32
    bias: Float32


class Encoder(Protocol):
    """Encodes images to vectors with ``dimension`` d on a torch ``device``; ``spec`` identifies the encoder.

    Several threads may encode at once.
    """

    @property
    def spec(self) -> EncoderSpec: ...

    @property
    def device(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def head(self) -> ClassifierHead | None:
        """The classifier layer in the weights, or None."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of the weights, such as other networks in the same file."""
        ...

    def encode_images(self, batch: UInt8) -> Embeddings:
        """Encode preprocessed pixels (n, height, width, 3) uint8; any n, padded to multiples of ``spec.batch_size``."""
        ...


PREPROJ = "preproj"
"""The view of vectors before the projection to the space of texts; it has a dimension of its own."""


@runtime_checkable
class ProjectingEncoder(Protocol):
    """Encodes images also to the vectors before its last projection, which is linear.

    ``unprojected_dimension`` is their number of dimensions, or 0 if the network has no projection.
    """

    @property
    def unprojected_dimension(self) -> int: ...

    def encode_both(self, batch: UInt8) -> tuple[Embeddings, Embeddings]:
        """Encode pixels as ``encode_images`` does, and return the same vectors, and those before the projection."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Encodes texts to vectors of the same space as its images. ``logit_scale`` multiplies cosines to logits."""

    @property
    def logit_scale(self) -> float: ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings: ...
