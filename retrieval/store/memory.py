"""A store in memory, made of arrays and a table of samples; for tests and notebooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError, ReadOnlyStoreError, unknown
from retrieval.store.conditions import matching
from retrieval.store.forgotten import ForgottenRecord
from retrieval.store.schema import FORGOTTEN
from retrieval.store.spaces import find_space
from retrieval.types import Bank, EncoderSpec, Float32, SpaceInfo, SplitSet, VectorMatrix, digest, require_bank_width
from retrieval.types.store import SourceInfo, StoredResult, StoreWriter, result_sha256

if TYPE_CHECKING:
    import pyarrow as pa

Views = Mapping[str, tuple[Sequence[str], Float32]]
"""View -> (keys, vectors (n, d) float32 of length one). Views may have different keys."""


class MemorySnapshot:
    """The samples and vectors of a :class:`MemoryStore`, which never change.

    Args:
        samples: table of samples, with at least ``id``; the order of its rows is the order of the data.
        vectors: name of a space -> its views.
    """

    store_version = 1

    def __init__(self, samples: pa.Table, vectors: Mapping[str, Views]) -> None:
        self._samples = samples
        self._vectors = vectors
        self.spaces = tuple(_space(name, views) for name, views in vectors.items())
        names = samples.column("source").unique().to_pylist() if "source" in samples.column_names else []
        self.sources = tuple(SourceInfo(name, "memory", "", at) for at, name in enumerate(names))

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space; see :meth:`retrieval.types.store.Snapshot.space`."""
        return find_space(self.spaces, name)

    def column_names(self, table: str) -> list[str]:
        """Return the names of the columns of ``samples``, the only table."""
        if table != "samples":
            raise unknown("table", table, ["samples"])
        return list(self._samples.column_names)

    def count(self, table: str) -> int:
        """Return the number of samples."""
        self.column_names(table)
        return int(self._samples.num_rows)

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return an empty mapping: a store in memory has no thumbnails."""
        del keys
        return {}

    def samples(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        id_prefix: str | None = None,
        **equal: str | Collection[str],
    ) -> pa.Table:
        """Return rows in the order of the table; see :meth:`retrieval.types.store.Snapshot.samples`.

        Raises:
            InputError: ``where`` is given, which a store in memory does not support.
            UnknownNameError: a column does not exist.
        """
        if where is not None:
            raise InputError(f"A store in memory cannot evaluate SQL such as '{where}'; filter its samples beforehand.")
        names = self._samples.column_names
        for column in (*(columns or ()), *equal):
            if column not in names:
                raise unknown("column of samples", column, names)
        rows = matching(self._samples, equal, id_prefix)
        return rows if columns is None else rows.select(list(columns))

    def sample_parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Return the rows in parts; see :meth:`retrieval.types.store.Snapshot.sample_parts`."""
        return iter(self.samples(columns).to_batches())

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix:
        """Return keys and vectors of a view."""
        views = self._vectors[space.name]
        if view not in views:
            raise unknown(f"view in space {space.name}", view, views)
        keys, data = views[view]
        return VectorMatrix(np.array(keys, dtype=np.bytes_), np.asarray(data, np.float32), space.fingerprint)

    def ann_place(self, space: SpaceInfo, view: str = "base") -> None:
        """Return None: a store in memory has no saved indexes."""

    def norms(self, space: SpaceInfo, *views: str) -> pa.Table:
        """Return lengths of one, because the vectors are given L2-normalised."""
        import pyarrow as pa

        keys_of = {view: set(self._vectors[space.name][view][0]) for view in views or ("base",)}
        keys = sorted(set().union(*keys_of.values()))
        lengths = {f"n_{view}": pa.array([1.0 if key in view_keys else None for key in keys], pa.float32())
                   for view, view_keys in keys_of.items()}  # fmt: skip
        return pa.table({"key": pa.array(keys, pa.string()), **lengths})

    def forgotten(self) -> ForgottenRecord:
        """Return an empty record: nothing is forgotten in a store in memory."""
        return ForgottenRecord(FORGOTTEN.empty_table())

    def thumbnail_keys(self) -> Collection[str]:
        """Return an empty collection: a store in memory has no thumbnails."""
        return ()


class MemoryStore:
    """A store in memory, to which banks, split sets and results can be appended.

    Args:
        samples: table of samples; the order of its rows is the order of the data.
        vectors: name of a space -> its views.
        writable: whether anything can be appended.
    """

    def __init__(self, samples: pa.Table, vectors: Mapping[str, Views], *, writable: bool = True) -> None:
        self._snapshot = MemorySnapshot(samples, vectors)
        self._splits: dict[str, SplitSet] = {}
        self._banks: dict[tuple[str, str], Bank] = {}
        self._results: dict[str, StoredResult] = {}
        self._writable = writable

    @contextmanager
    def snapshot(self) -> Iterator[MemorySnapshot]:
        """Yield the only version."""
        yield self._snapshot

    def writer(self, wait: float = 0.0) -> AbstractContextManager[StoreWriter]:
        """Raise an error: samples and vectors cannot be changed.

        Raises:
            ReadOnlyStoreError: always.
        """
        del wait
        raise ReadOnlyStoreError("A store in memory holds the arrays it was made of; make another with other arrays.")

    def split_sets(self) -> Mapping[str, str]:
        """Map names of the split sets to their sha256."""
        return {name: self._splits[name].sha256 for name in sorted(self._splits)}

    def read_splits(self, name: str) -> SplitSet:
        """Return a split set."""
        if name not in self._splits:
            raise unknown("split set", name, self._splits)
        return self._splits[name]

    def save_splits(self, splits: SplitSet) -> None:
        """Append a split set."""
        self._require_writable()
        self._splits[splits.name] = splits

    def banks(self, space: str | None = None) -> tuple[Bank, ...]:
        """Return all banks, or those of one space."""
        return tuple(self._banks[key] for key in sorted(self._banks) if space in {None, self._banks[key].space})

    def save_bank(self, bank: Bank) -> None:
        """Append a bank.

        Raises:
            SpaceMismatchError: it is not as wide as its space.
        """
        self._require_writable()
        for space in self._snapshot.spaces:
            if space.fingerprint == bank.space:
                views = [self._snapshot.vectors(space, view).data.shape[1] for view in space.views]
                require_bank_width(bank, space.name, (space.dimension, *views))
        self._banks[bank.name, bank.sha256] = bank

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Append a result unless one that differs at most in ``created`` is stored."""
        self._require_writable()
        sha = result_sha256(result)
        self._results.setdefault(sha, StoredResult(sha, result.get("created") or "", dict(result)))

    def results(self) -> tuple[StoredResult, ...]:
        """Return all results, newest first."""
        by_sha = [self._results[sha] for sha in sorted(self._results)]
        return tuple(sorted(by_sha, key=lambda result: result.created, reverse=True))

    def _require_writable(self) -> None:
        if not self._writable:
            raise ReadOnlyStoreError("This store in memory takes no writes.")


def _space(name: str, views: Views) -> SpaceInfo:
    rows, dimension = next(iter(views.values()))[1].shape
    spec = EncoderSpec("imported", name, "import:memory", digest("memory", name), None, "fp32", 1)
    return SpaceInfo(spec.fingerprint, name, spec, dimension, tuple(views), "1970-01-01T00:00:00+00:00", rows)
