"""Encoders: their identity as data, and what they give."""

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
    """How an image becomes the pixels an encoder sees: RGB, resize, centre crop, scale to [0, 1], normalise.

    ``resize`` is the length of the shorter side (``shortest``), the longer side, then padded (``longest``), or
    of both sides (``squash``). ``crop`` is (height, width); where it is not square, ``resize`` is the shorter side of
    a box of the crop's shape. Arithmetic is that of torchvision on PIL images.
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
    """Encoder identity as data: enough to load the encoder again and to tell two apart.

    ``weights`` says where the weights are found (``tag:laion2b``, ``file:/abs/path``, ``hf-hub:org/repo``,
    ``random:0``); ``weights_digest`` says which they are. Only the latter belongs to the identity, so a weight
    file may move. ``batch_size`` is the fixed size that every forward is padded to.
    """

    family: str
    model: str
    weights: str
    weights_digest: str
    preprocess: Preprocess | None
    precision: Precision
    batch_size: int
    crop: str = WHOLE

    def _identity(self, *, with_precision: bool) -> str:
        data = asdict(self)
        for key in ("weights", "batch_size", *(() if with_precision else ("precision",))):
            del data[key]
        return json.dumps(data, sort_keys=True)

    @property
    def fingerprint(self) -> str:
        """Identity of the space this encoder's vectors live in (32 hex digits)."""
        return digest("space", self._identity(with_precision=True), size=16)

    @property
    def lineage(self) -> str:
        """The fingerprint less precision: what ``--precision auto`` looks up to stay in a space it began."""
        return digest("lineage", self._identity(with_precision=False), size=16)

    def to_json(self) -> str:
        """Serialise, sorted by key."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> EncoderSpec:
        """Read what :meth:`to_json` wrote."""
        data = json.loads(text)
        pixels = data.pop("preprocess")
        if pixels is not None:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in pixels.items()}
            pixels = Preprocess(**values)
        return cls(preprocess=pixels, **data)

    def at(self, weights: str) -> EncoderSpec:
        """Return the same encoder with its weights found elsewhere."""
        return replace(self, weights=weights)


class Embeddings(NamedTuple):
    """``vectors`` (n, d) float32, L2-normalised; ``norms`` (n,) float32, the lengths before normalisation.

    The norms make a classifier's logits recoverable from the store: ``norm * (W @ v) + b``.
    """

    vectors: Float32
    norms: Float32


class ClassifierHead(NamedTuple):
    """A trained last layer as a bank: ``weight`` (classes, d) and ``bias`` (classes,), float32."""

    weight: Float32
    bias: Float32


class Encoder(Protocol):
    """Images to vectors. ``spec`` is the identity; ``dimension`` is d."""

    @property
    def spec(self) -> EncoderSpec: ...

    @property
    def dimension(self) -> int: ...

    @property
    def head(self) -> ClassifierHead | None:
        """The classifier layer the weights came with, or None."""
        ...

    def encode_images(self, batch: UInt8) -> Embeddings:
        """Encode preprocessed pixels (n, height, width, 3) uint8; any n, padded inside to ``spec.batch_size``."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Texts to vectors of the same space as the images."""

    @property
    def logit_scale(self) -> float: ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings: ...
