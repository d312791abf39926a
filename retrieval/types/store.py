"""The store as its readers see it. Pure code imports nothing of this module."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from retrieval.types.banks import Bank
from retrieval.types.spaces import SpaceInfo, SpaceState, VectorMatrix
from retrieval.types.splits import SplitSet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from retrieval.types.arrays import Float32
    from retrieval.types.encoders import Embeddings, EncoderSpec


class StoredResult(NamedTuple):
    """A result as a store keeps it: its hash, when it was made (ISO 8601), what its file says."""

    sha256: str
    created: str
    result: Mapping[str, Any]


class SourceInfo(NamedTuple):
    """A source as a store knows it: ``root`` is where its relative uris start.

    ``position`` is its place in the order of first commits. Positions of samples below ``next_position`` are never
    given again.
    """

    name: str
    kind: str
    root: str
    position: int
    next_position: int = 0


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

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """All sources, in the order of their first commit."""
        ...

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space by name, name prefix or fingerprint prefix; None works when there is only one."""
        ...

    def column_names(self, table: str) -> list[str]:
        """Columns of a table such as ``samples``, ``meta_*`` among them."""
        ...

    def samples(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        id_prefix: str | None = None,
        **equal: str | Collection[str],
    ) -> pa.Table:
        """Rows of ``samples`` in order of ``id``.

        Args:
            columns: which ones, in this order; all by default.
            where: a condition in SQL, as users write it; a bad one raises :class:`InputError`.
            id_prefix: only samples whose id begins like this.
            equal: columns of text with the value they must have, or values of which they must have one, such as
                ``source="hands"`` or ``id=["0c1d", "7f2e"]``. A null matches nothing.

        Columns: id, source, uri, position, content, crop, key, size, mtime_ns, width, height, phash, box_*, polygon,
        label, identity, aspect, camera, group, captured_at, split and ``meta_*``. ``key`` (content and crop) leads to
        the vectors; ``position`` is the sample's place in the order of its source.
        """
        ...

    def count(self, table: str) -> int:
        """Number of rows of a table such as ``samples``."""
        ...

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Small pictures (WebP) of the samples with these keys; those without one are absent."""
        ...

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix: ...

    def norms(self, space: SpaceInfo, *views: str) -> pa.Table:
        """Columns ``key`` and, for each view (``base`` if none is named), ``n_<view>``.

        These are the lengths of the vectors before they were normalised; null where a key lacks the view.
        """
        ...

    def thumbnail_keys(self) -> Collection[str]:
        """Keys that have a small picture."""
        ...


class StoreWriter(Protocol):
    """Writes to a store. Nothing is visible to readers before :meth:`commit`; what is not committed is undone."""

    @property
    def snapshot(self) -> Snapshot:
        """The last complete version, as readers see it now."""
        ...

    def register_space(
        self,
        spec: EncoderSpec,
        dimension: int,
        views: Sequence[str],
        *,
        parent: str | None = None,
        matrix: Float32 | None = None,
        state: SpaceState = "complete",
    ) -> SpaceInfo:
        """Find or make the space of ``spec``, with columns for these views.

        Args:
            spec: the encoder.
            dimension: of the vectors.
            views: names of the views that will be written.
            parent: fingerprint of the space that a new one is made from.
            matrix: (dimension, dimension of the parent), where a new space is the parent's vectors times a matrix.
            state: of a new space.
        """
        ...

    def set_state(self, space: SpaceInfo, state: SpaceState) -> None:
        """Record that a space is complete, or that it is being filled."""
        ...

    def put_source(self, name: str, kind: str, root: str) -> None:
        """Record where the relative uris of a source start; a new one stands after all others."""
        ...

    def vector_keys(self, space: SpaceInfo) -> Sequence[str]:
        """Keys that have a vector in a space, those not yet committed included."""
        ...

    def append_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Add vectors of keys the space does not have yet."""
        ...

    def replace_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Write all views of keys the space has already."""
        ...

    def prepare_meta(self, schema: pa.Schema) -> None:
        """Make room for ``meta_*`` columns; one that changes its type raises :class:`InputError`."""
        ...

    def append_samples(self, rows: pa.Table) -> None:
        """Add samples that the store does not have yet."""
        ...

    def update_samples(self, rows: pa.Table) -> None:
        """Replace whole rows of samples that the store has."""
        ...

    def delete_samples(self, ids: Sequence[str]) -> None:
        """Delete samples; vectors and thumbnails that nothing uses any more go with them."""
        ...

    def append_thumbnails(self, pictures: Mapping[str, bytes]) -> None:
        """Add thumbnails (WebP) of keys that have none."""
        ...

    def replace_failures(self, source: str, failures: Mapping[str, str]) -> None:
        """Record uri -> reason of what could not be read in this run of ``source``, in place of the last run's."""
        ...

    def save_bank(self, bank: Bank) -> None:
        """Append a bank; banks need no commit."""
        ...

    def commit(self, note: str) -> int:
        """Make everything since the last commit visible, atomically; return the store version."""
        ...

    def tidy(self) -> None:
        """Save room: join small files, drop old versions that nobody reads. Call after a commit."""
        ...


class EmbeddingStore(Protocol):
    """The embedding store. Snapshots are many; one writer at a time; banks, splits and results are append-only."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...

    def writer(self, wait: float = ...) -> AbstractContextManager[StoreWriter]:
        """Hold the lock and write, waiting up to so many seconds for another writer.

        Raises:
            ReadOnlyStoreError: the store cannot be written, or not safely.
            StoreLockedError: another process kept writing.
        """
        ...

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
