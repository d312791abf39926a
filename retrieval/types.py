"""The words of the house as types: samples, encoders, spaces, neighbours, and the seams between rooms.

Nothing here imports torch, a store or a search library; every room may import this module.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Float32: TypeAlias = NDArray[np.float32]
Int64: TypeAlias = NDArray[np.int64]
UInt8: TypeAlias = NDArray[np.uint8]
MetaValue: TypeAlias = str | float | int | bool | None
Precision = Literal["fp32", "bf16", "fp16"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
ResizeMode = Literal["shortest", "longest", "squash"]

WHOLE = "whole"
"""The crop policy of a space, and the crop of a sample, that use the whole image."""


def digest(*parts: str, size: int = 10) -> str:
    """Hash text parts into ``2 * size`` hex digits (BLAKE2b); parts are length-prefixed, so they never run together."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode()
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()


class Box(NamedTuple):
    """A box inside an image, as fractions of its width and height: top-left corner, width, height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or one box of an image, as a source describes it. ``uri`` is relative to the source's root."""

    source: str
    uri: str
    label: str | None = None
    identity: str | None = None
    aspect: str | None = None
    camera: str | None = None
    group: str | None = None
    split: str | None = None
    captured_at: datetime | None = None
    box: Box | None = None
    meta: Mapping[str, MetaValue] = field(default_factory=dict)

    @property
    def crop(self) -> str:
        """``"whole"``, or a short hash of the box geometry."""
        return WHOLE if self.box is None else digest(*(f"{side:.6f}" for side in self.box), size=6)

    @property
    def id(self) -> str:
        """Stable key of the sample: hash of source, relative path and box geometry."""
        return digest(self.source, self.uri, self.crop)


class Problem(NamedTuple):
    """Something a source or a decoder could not use: where (file, row) and why.

    ``missing`` marks rows that name an image which is not there: counted, but not a failure.
    """

    where: str
    reason: str
    missing: bool = False


@runtime_checkable
class Source(Protocol):
    """An iterator of samples that checks itself.

    ``name`` is part of every sample's id; ``root`` is where relative uris start. Iterating twice gives the
    same samples in the same order. Iterating fills ``problems``, rows that cannot be used, and ``notes``, things
    worth saying that lost nothing.
    """

    name: str
    root: Path
    problems: list[Problem]
    notes: list[str]

    @property
    def kind(self) -> str: ...

    def __iter__(self) -> Iterator[Sample]: ...


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


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A registered space. ``imported`` spaces have vectors but no encoder (``spec.family == "imported"``)."""

    fingerprint: str
    name: str
    spec: EncoderSpec
    dimension: int
    views: tuple[str, ...]
    created: str
    rows: int = 0

    @property
    def imported(self) -> bool:
        """Whether the vectors came from a file instead of one of our encoders."""
        return self.spec.family == "imported"


class VectorMatrix(NamedTuple):
    """All vectors of one view of a space: ``keys`` (n,) bytes, ``data`` (n, d) float32, usually memory-mapped."""

    keys: NDArray[np.bytes_]
    data: Float32


class Neighbors(NamedTuple):
    """``rows`` (queries, k) into the searched matrix and ``scores`` (queries, k); -1 and -inf pad short lists."""

    rows: Int64
    scores: Float32


class SearchIndex(Protocol):
    """k nearest by score (higher is better), ties broken by row order, also at the k-th place."""

    exhaustive: bool

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Search (queries, d); ``exclude[i]`` are rows that query i may not return."""
        ...


@dataclass(frozen=True, slots=True)
class SplitSet:
    """A set of draws. Parallel arrays: ``draw`` (n,), ``sample`` ids (n,), ``role`` (n,).

    ``sha256`` is over the sorted rows, so two sets with the same rows are the same set whatever their name.
    """

    name: str
    draw: Int64
    sample: NDArray[np.str_]
    role: NDArray[np.str_]

    @property
    def sha256(self) -> str:
        """Hash of the rows, independent of their order."""
        order = np.lexsort((self.role, self.sample, self.draw))
        state = hashlib.sha256()
        for at in order:
            state.update(f"{self.draw[at]},{self.sample[at]},{self.role[at]}\n".encode())
        return state.hexdigest()


@dataclass(frozen=True, slots=True)
class Bank:
    """A set of vectors of one space that queries are scored against, with edges to classes.

    ``vectors`` (m, d) float32, as they were made (texts are unit vectors, a classifier's rows are not);
    ``edge_vector`` (e,) rows and ``edge_class`` (e,) class names say which vector speaks for which class.
    """

    name: str
    space: str
    origin: str
    vectors: Float32
    edge_vector: Int64
    edge_class: NDArray[np.str_]
    texts: tuple[str, ...] | None = None
    bias: Float32 | None = None
    temperature: float | None = None

    @property
    def sha256(self) -> str:
        """Hash of space, vectors, edges, texts, bias and temperature; the name is not part of it."""
        state = hashlib.sha256(self.space.encode())
        for array in (self.vectors, self.edge_vector, self.bias):
            state.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        words = [list(map(str, self.edge_class)), self.texts, self.temperature]
        state.update(json.dumps(words, sort_keys=True).encode())
        return state.hexdigest()


class StoredResult(NamedTuple):
    """A result as a store keeps it: its hash, when it was made (ISO 8601), what its file says."""

    sha256: str
    created: str
    result: Mapping[str, Any]


def result_sha256(result: Mapping[str, Any]) -> str:
    """Hash what a result file says, less ``created``: the same evaluation twice has the same hash."""
    body = json.dumps({key: value for key, value in result.items() if key != "created"}, sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


class Snapshot(Protocol):
    """A consistent, read-only view of one version of a store."""

    @property
    def store_version(self) -> int: ...

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]: ...

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space by name, name prefix or fingerprint prefix; None works when there is only one."""
        ...

    def column_names(self, table: str) -> list[str]:
        """Columns of a table such as ``samples``, ``meta_*`` among them."""
        ...

    def samples(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Rows of ``samples`` in order of ``id``. ``where`` is SQL; a bad one raises :class:`InputError`.

        Columns: id, source, uri, content, crop, key, size, mtime_ns, width, height, phash, box_*, label, identity,
        aspect, camera, group, captured_at, split and ``meta_*``. ``key`` (content and crop) leads to the vectors.
        """
        ...

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix: ...

    def norms(self, space: SpaceInfo, view: str = "base") -> pa.Table:
        """Columns ``key`` and ``n_<view>``: the lengths of the vectors before they were normalised."""
        ...


class EmbeddingStore(Protocol):
    """The embedding store. Snapshots are many; one writer at a time; banks, splits and results are append-only."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...

    def split_sets(self) -> Mapping[str, str]:
        """Names of the stored split sets, to their sha256."""
        ...

    def read_splits(self, name: str) -> SplitSet: ...

    def save_splits(self, splits: SplitSet) -> None:
        """Append, unless a set with this sha256 is already stored. No lock is needed."""
        ...

    def banks(self, space: str | None = None) -> tuple[Bank, ...]:
        """All stored banks, or those of the space with this fingerprint."""
        ...

    def save_bank(self, bank: Bank) -> None:
        """Append, unless a bank with this name and sha256 is already stored. No lock is needed."""
        ...

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Append a result file, addressed by its content less ``created``. No lock is needed."""
        ...

    def results(self) -> tuple[StoredResult, ...]:
        """All stored results, newest first; of the same moment, in order of sha256."""
        ...
