"""The interfaces of the store: snapshots for readers, writers, and the store itself. Pure code does not import this."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from retrieval.types.banks import TEXT_KINDS, Bank
from retrieval.types.spaces import SpaceInfo, SpaceState, VectorMatrix, shares_texts
from retrieval.types.splits import SplitSet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pyarrow as pa

    from retrieval.types.arrays import Float32
    from retrieval.types.encoders import Embeddings, EncoderSpec


class StoredResult(NamedTuple):
    """A stored result: its hash, its time of creation (ISO 8601), and the content of its file."""

    sha256: str
    created: str
    result: Mapping[str, Any]


class SourceInfo(NamedTuple):
    """A stored source; uris of its samples are relative to ``root``.

    ``position`` is its number in the order of first commits. Positions of samples below ``next_position`` are not
    given to new samples.
    """

    name: str
    kind: str
    root: str
    position: int
    next_position: int = 0


def result_sha256(result: Mapping[str, Any]) -> str:
    """Hash the content of a result file without ``created``, so that repeating an evaluation gives the same hash."""
    body = json.dumps({key: value for key, value in result.items() if key != "created"}, sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


def banks_for(store: EmbeddingStore, space: SpaceInfo) -> tuple[Bank, ...]:
    """Return the banks that vectors of a space may be scored against.

    These are its own, then, in the space of an adapter of the same dimension, the texts of its parent.
    """
    texts = store.banks(space.parent) if shares_texts(space) else ()
    fitting = (bank for bank in texts if bank.kind in TEXT_KINDS and bank.vectors.shape[1] == space.dimension)
    return (*store.banks(space.fingerprint), *fitting)


class AnnPlace(NamedTuple):
    """Where the saved index of a view lies, and which vectors the view has.

    ``mark`` changes whenever a vector is added, changed or deleted, and where their order changes.
    """

    folder: Path
    mark: str


class ForgottenSamples(Protocol):
    """Samples that were forgotten, known by salted hashes of their ids and keys."""

    def __len__(self) -> int: ...

    def ids_of(self, ids: Iterable[str]) -> set[str]:
        """Return those of these ids that were forgotten."""
        ...

    def has_key(self, key: str) -> bool:
        """Return whether samples with this key were forgotten."""
        ...


class Snapshot(Protocol):
    """A consistent, read-only view of one version of a store."""

    @property
    def store_version(self) -> int: ...

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]: ...

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """All sources, in the order of their first commit."""
        ...

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space by name, or by the beginning of its name or fingerprint; None finds the default."""
        ...

    def column_names(self, table: str) -> list[str]:
        """Return the names of the columns of a table such as ``samples``, including ``meta_*``."""
        ...

    def samples(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        id_prefix: str | None = None,
        **equal: str | Collection[str],
    ) -> pa.Table:
        """Return rows of ``samples`` in the order of the data: of the sources' first commits, then of ``position``.

        Columns: id, source, uri, position, content, crop, key, size, mtime_ns, width, height, phash, box_*, polygon,
        label, identity, aspect, camera, group, captured_at, split and ``meta_*``. ``key`` (content and crop) is the key
        of the vectors; ``position`` is the sample's number in the order of its source.

        Args:
            columns: names of the columns to return, in this order; all by default.
            where: a condition in SQL, written by the user.
            id_prefix: only samples whose id begins like this.
            equal: columns of text with the value, or a collection of values, that they must have, such as
                ``source="hands"`` or ``id=["0c1d", "7f2e"]``. Null is not equal to any value.

        Raises:
            InputError: the condition is invalid.
        """
        ...

    def sample_parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the columns of all samples in parts, as they are stored: memory does not grow with their number."""
        ...

    def count(self, table: str) -> int:
        """Return the number of rows of a table such as ``samples``."""
        ...

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Map keys to thumbnails (WebP); keys without a thumbnail are absent."""
        ...

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix: ...

    def ann_place(self, space: SpaceInfo, view: str = "base") -> AnnPlace | None:
        """Return the place of the saved index of a view; None where a store has no local folder."""
        ...

    def norms(self, space: SpaceInfo, *views: str) -> pa.Table:
        """Return the lengths of vectors before normalisation.

        The table has the columns ``key`` and ``n_<view>`` for each of ``views`` (default ``base``), null where a key
        has no vector of the view.
        """
        ...

    def thumbnail_keys(self) -> Collection[str]:
        """Return the keys that have a thumbnail."""
        ...

    def forgotten(self) -> ForgottenSamples:
        """Return what the store remembers of samples that were forgotten."""
        ...


class StoreWriter(Protocol):
    """Writes to a store. Changes are visible to readers after :meth:`commit`; without it they are undone."""

    @property
    def snapshot(self) -> Snapshot:
        """The last committed version."""
        ...

    def register_space(
        self,
        spec: EncoderSpec,
        dimension: int,
        views: Sequence[str],
        *,
        widths: Mapping[str, int] | None = None,
        parent: str | None = None,
        matrix: Float32 | None = None,
        state: SpaceState = "complete",
    ) -> SpaceInfo:
        """Find or create the space of an encoder, with columns for the given views.

        Args:
            spec: the encoder.
            dimension: dimension of the vectors.
            views: names of the views that will be written.
            widths: dimensions of views that have another than the space.
            parent: fingerprint of the space from which a new space is made.
            matrix: (dimension, dimension of the parent); the vectors of a new space are those of the parent times it.
            state: state of a new space.
        """
        ...

    def set_state(self, space: SpaceInfo, state: SpaceState) -> None:
        """Set the state of a space."""
        ...

    def promote(self, space: SpaceInfo) -> None:
        """Make a space the default, which is taken where none is named."""
        ...

    def put_source(self, name: str, kind: str, root: str) -> None:
        """Record kind and root of a source; a new source comes after all others."""
        ...

    def vector_keys(self, space: SpaceInfo) -> Sequence[str]:
        """Return the keys that have a vector in a space, including those not committed yet."""
        ...

    def append_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Add vectors of keys that the space does not have yet."""
        ...

    def replace_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Replace the vectors of keys that the space has already, in all views."""
        ...

    def prepare_meta(self, schema: pa.Schema) -> None:
        """Add the ``meta_*`` columns of a schema to ``samples``.

        Raises:
            InputError: a column exists with another type.
        """
        ...

    def append_samples(self, rows: pa.Table) -> None:
        """Add samples that the store does not have yet."""
        ...

    def update_samples(self, rows: pa.Table) -> None:
        """Replace complete rows of samples that the store has."""
        ...

    def delete_samples(self, ids: Sequence[str]) -> None:
        """Delete samples, and vectors and thumbnails that no other sample uses."""
        ...

    def lift_forgotten(self, ids: Collection[str], keys: Collection[str]) -> None:
        """Delete what is remembered of forgotten samples with these ids or keys, which are samples again."""
        ...

    def append_thumbnails(self, pictures: Mapping[str, bytes]) -> None:
        """Add thumbnails (WebP) of keys that have none."""
        ...

    def replace_failures(self, source: str, failures: Mapping[str, str]) -> None:
        """Replace the failures of a source, uri -> reason, by those of the current run."""
        ...

    def save_bank(self, bank: Bank) -> None:
        """Append a bank. No commit is needed."""
        ...

    def commit(self, note: str) -> int:
        """Make all changes since the last commit visible, atomically; return the store version."""
        ...

    def tidy(self) -> None:
        """Merge small files and delete old versions that no reader uses. Call after a commit."""
        ...


class EmbeddingStore(Protocol):
    """A store: any number of snapshots, one writer at a time; banks, split sets and results are append-only."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...

    def writer(self, wait: float = ...) -> AbstractContextManager[StoreWriter]:
        """Acquire the lock for writing, waiting at most ``wait`` seconds for another writer.

        Raises:
            ReadOnlyStoreError: the store cannot be written, or not safely.
            StoreLockedError: another writer still holds the lock after ``wait`` seconds.
        """
        ...

    def split_sets(self) -> Mapping[str, str]:
        """Map names of the stored split sets to their sha256."""
        ...

    def read_splits(self, name: str) -> SplitSet: ...

    def save_splits(self, splits: SplitSet) -> None:
        """Append a split set unless one with the same sha256 is stored. No lock is needed."""
        ...

    def banks(self, space: str | None = None) -> tuple[Bank, ...]:
        """Return all stored banks, or those of the space with this fingerprint."""
        ...

    def save_bank(self, bank: Bank) -> None:
        """Append a bank unless one with the same name and sha256 is stored. No lock is needed."""
        ...

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Append a result; its hash is :func:`result_sha256`. No lock is needed."""
        ...

    def results(self) -> tuple[StoredResult, ...]:
        """Return all stored results, newest first; results of the same time are in order of sha256."""
        ...
