"""An embedding store in memory: arrays and tables given by the caller, for tests and for notebooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError, ReadOnlyStoreError, unknown
from retrieval.store.conditions import matching
from retrieval.store.spaces import find_space
from retrieval.types import Bank, EncoderSpec, Float32, SpaceInfo, SplitSet, VectorMatrix, digest
from retrieval.types.store import SourceInfo, StoredResult, StoreWriter, result_sha256

if TYPE_CHECKING:
    import pyarrow as pa

Views = Mapping[str, tuple[Sequence[str], Float32]]
"""View -> (keys, vectors (n, d) float32 of length one); a view may lack keys that another has."""


class MemorySnapshot:
    """What a :class:`MemoryStore` holds; it never changes."""

    store_version = 1

    def __init__(self, samples: pa.Table, vectors: Mapping[str, Views]) -> None:
        self._samples = samples.sort_by("id")
        self._vectors = vectors
        self.spaces = tuple(_space(name, views) for name, views in vectors.items())
        names = samples.column("source").unique().to_pylist() if "source" in samples.column_names else []
        self.sources = tuple(SourceInfo(name, "memory", "", at) for at, name in enumerate(names))

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space by name, name prefix or fingerprint prefix; None works when there is only one."""
        return find_space(self.spaces, name)

    def column_names(self, table: str) -> list[str]:
        """Columns of ``samples``, the only table here."""
        if table != "samples":
            raise unknown("table", table, ["samples"])
        return list(self._samples.column_names)

    def count(self, table: str) -> int:
        """Number of samples."""
        self.column_names(table)
        return int(self._samples.num_rows)

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Nothing: there are no pictures in memory."""
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
        """Rows in order of ``id``; see :meth:`retrieval.types.store.Snapshot.samples`.

        Raises:
            InputError: ``where`` is given: there is no SQL in memory.
            UnknownNameError: there is no such column.
        """
        if where is not None:
            raise InputError(f"A store in memory knows no SQL such as '{where}'; filter its samples before.")
        names = self._samples.column_names
        for column in (*(columns or ()), *equal):
            if column not in names:
                raise unknown("column of samples", column, names)
        rows = matching(self._samples, equal, id_prefix)
        return rows if columns is None else rows.select(list(columns))

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix:
        """Keys and vectors of one view, as they were given."""
        views = self._vectors[space.name]
        if view not in views:
            raise unknown(f"view in space {space.name}", view, views)
        keys, data = views[view]
        return VectorMatrix(np.array(keys, dtype=np.bytes_), np.asarray(data, np.float32), space.fingerprint)

    def norms(self, space: SpaceInfo, *views: str) -> pa.Table:
        """Lengths of one: the vectors are given as unit vectors."""
        import pyarrow as pa

        have = {view: set(self._vectors[space.name][view][0]) for view in views or ("base",)}
        keys = sorted(set().union(*have.values()))
        lengths = {f"n_{view}": pa.array([1.0 if key in some else None for key in keys], pa.float32())
                   for view, some in have.items()}  # fmt: skip
        return pa.table({"key": pa.array(keys, pa.string()), **lengths})

    def thumbnail_keys(self) -> Collection[str]:
        """None: there are no pictures in memory."""
        return ()


class MemoryStore:
    """One snapshot, and banks, split sets and results that can be appended; ``writable=False`` refuses these."""

    def __init__(self, samples: pa.Table, vectors: Mapping[str, Views], *, writable: bool = True) -> None:
        self._snapshot = MemorySnapshot(samples, vectors)
        self._splits: dict[str, SplitSet] = {}
        self._banks: dict[tuple[str, str], Bank] = {}
        self._results: dict[str, StoredResult] = {}
        self._writable = writable

    @contextmanager
    def snapshot(self) -> Iterator[MemorySnapshot]:
        """The one version there is."""
        yield self._snapshot

    def writer(self, wait: float = 0.0) -> AbstractContextManager[StoreWriter]:
        """Refuse: samples and vectors are those that were given.

        Raises:
            ReadOnlyStoreError: always.
        """
        del wait
        raise ReadOnlyStoreError("A store in memory holds the arrays it was made of; make another with other arrays.")

    def split_sets(self) -> Mapping[str, str]:
        """Names of the stored split sets, to their sha256."""
        return {name: self._splits[name].sha256 for name in sorted(self._splits)}

    def read_splits(self, name: str) -> SplitSet:
        """Read a stored split set."""
        if name not in self._splits:
            raise unknown("split set", name, self._splits)
        return self._splits[name]

    def save_splits(self, splits: SplitSet) -> None:
        """Append a split set."""
        self._appending()
        self._splits[splits.name] = splits

    def banks(self, space: str | None = None) -> tuple[Bank, ...]:
        """All banks, or those of one space."""
        return tuple(self._banks[key] for key in sorted(self._banks) if space in {None, self._banks[key].space})

    def save_bank(self, bank: Bank) -> None:
        """Append a bank."""
        self._appending()
        self._banks[bank.name, bank.sha256] = bank

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Append a result unless the same one, ``created`` aside, is there."""
        self._appending()
        sha = result_sha256(result)
        self._results.setdefault(sha, StoredResult(sha, result.get("created") or "", dict(result)))

    def results(self) -> tuple[StoredResult, ...]:
        """All results, newest first."""
        found = [self._results[sha] for sha in sorted(self._results)]
        return tuple(sorted(found, key=lambda each: each.created, reverse=True))

    def _appending(self) -> None:
        if not self._writable:
            raise ReadOnlyStoreError("This store in memory takes no writes.")


def _space(name: str, views: Views) -> SpaceInfo:
    rows, dimension = next(iter(views.values()))[1].shape
    spec = EncoderSpec("imported", name, "import:memory", digest("memory", name), None, "fp32", 1)
    return SpaceInfo(spec.fingerprint, name, spec, dimension, tuple(views), "1970-01-01T00:00:00+00:00", rows)
