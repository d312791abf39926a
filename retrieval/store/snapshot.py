"""Read one version of a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import StoreError, unknown
from retrieval.store.ann_files import ann_folder
from retrieval.store.commits import Commit
from retrieval.store.conditions import condition, matching, one_of
from retrieval.store.digests import FileCheck
from retrieval.store.forgotten import ForgottenRecord
from retrieval.store.hot import cache_damage, fragment_marks, hot_matrix, read_fragments, require_norms
from retrieval.store.lance import LanceTables, is_remote
from retrieval.store.schema import is_large, vectors_table
from retrieval.store.spaces import find_space, space_of
from retrieval.store.where import check_condition
from retrieval.types import SpaceInfo, VectorMatrix, digest
from retrieval.types.store import AnnPlace, SourceInfo

if TYPE_CHECKING:
    import pyarrow as pa


class LanceSnapshot:
    """A version of a store, as of one commit; see :class:`retrieval.types.store.Snapshot`."""

    def __init__(self, tables: LanceTables, commit: Commit, cache: Path | None) -> None:
        self.commit = commit
        self._tables = tables
        self._cache = cache
        self._spaces: tuple[SpaceInfo, ...] | None = None
        self._check = None if is_remote(tables.uri) else FileCheck(tables.uri, commit.files)

    @property
    def uri(self) -> str:
        """Folder or address of the store."""
        return self._tables.uri

    @property
    def tables(self) -> LanceTables:
        """The tables of the store."""
        return self._tables

    @property
    def store_version(self) -> int:
        """Number of commits that changed samples or vectors."""
        return self.commit.store_version

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]:
        """All registered spaces, oldest first."""
        if self._spaces is None:
            rows = self.read("spaces").sort_by([("created", "ascending"), ("name", "ascending")]).to_pylist()
            self._spaces = tuple(space_of(row, self.count(vectors_table(row["fingerprint"]))) for row in rows)
        return self._spaces

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """All sources, in the order of their first commit."""
        return tuple(SourceInfo(**row) for row in self.read("sources").sort_by("position").to_pylist())

    def space(self, name: str | None = None) -> SpaceInfo:
        """Find a space; see :meth:`retrieval.types.store.Snapshot.space`."""
        return find_space(self.spaces, name)

    def samples(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        id_prefix: str | None = None,
        **equal: str | Collection[str],
    ) -> pa.Table:
        """Read ``samples`` in the order of the data; see :meth:`retrieval.types.store.Snapshot.samples`."""
        # A user's condition is never combined with SQL of ours; then the other conditions are matched after reading.
        if where is not None:
            check_condition(where, self.column_names("samples"))
        sql = condition(equal, id_prefix) if where is None else None
        names = None if columns is None else list(dict.fromkeys(["source", "position", *columns, *equal]))
        rows = self.read("samples", names, sql if where is None else where)
        if sql is None:
            rows = matching(rows, equal, id_prefix)
        rows = self._in_order(rows)
        return rows if columns is None else rows.select(list(columns))

    def sample_parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns of all samples in parts; see :meth:`retrieval.types.store.Snapshot.sample_parts`."""
        self._require("samples", self.commit.files.get("samples"))
        return self._tables.parts("samples", self._version("samples"), columns)

    def _in_order(self, rows: pa.Table) -> pa.Table:
        """Sort rows with the columns ``source`` and ``position``: sources by first commit, samples by position."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pa.array([source.name for source in self.sources], pa.string())
        keys = pa.table({"source": pc.index_in(rows.column("source"), names), "position": rows.column("position")})
        if _is_ordered(keys):
            return rows
        return rows.take(pc.sort_indices(keys, [("source", "ascending"), ("position", "ascending")]))

    def vectors(self, space: SpaceInfo, view: str = "base") -> VectorMatrix:
        """Read all vectors of a view from the cache.

        Raises:
            UnknownNameError: the space does not have this view.
        """
        if view not in space.views:
            raise unknown(f"view in space {space.name}", view, space.views)
        name = vectors_table(space.fingerprint)
        dataset = self._dataset(name)
        of_view = _with_width(space, dataset, view)
        return hot_matrix(dataset, of_view, view, self._cache_folder(space, view), partial(self._require, name))

    def width(self, space: SpaceInfo, view: str) -> int:
        """Return the dimension of the vectors of a view, which may be another than that of the space."""
        return _with_width(space, self._dataset(vectors_table(space.fingerprint)), view).dimension

    def _cache_folder(self, space: SpaceInfo, view: str) -> Path | None:
        return None if self._cache is None else self._cache / f"{space.fingerprint}-{view}"

    def cache_damage(self, space: SpaceInfo, view: str = "base") -> str | None:
        """Read the whole cache of a view; say what is damaged, nothing if it is sound; None if there is none."""
        folder = self._cache_folder(space, view)
        return None if folder is None else cache_damage(folder)

    def ann_place(self, space: SpaceInfo, view: str = "base") -> AnnPlace | None:
        """Return the place of the saved index of a view; see :meth:`retrieval.types.store.Snapshot.ann_place`."""
        if is_remote(self.uri):
            return None
        marks = fragment_marks(self._dataset(vectors_table(space.fingerprint)))
        mark = digest(space.fingerprint, view, *marks)
        return AnnPlace(ann_folder(Path(self.uri), space.fingerprint, view), mark)

    def vector_parts(self, space: SpaceInfo, view: str = "base") -> Iterator[VectorMatrix]:
        """Yield the vectors of a view in parts, from the table instead of the cache."""
        name = vectors_table(space.fingerprint)
        dataset = self._dataset(name)
        return read_fragments(dataset, _with_width(space, dataset, view), view, partial(self._require, name))

    def norms(self, space: SpaceInfo, *views: str) -> pa.Table:
        """Read lengths of vectors before normalisation; see :meth:`retrieval.types.store.Snapshot.norms`."""
        name, views = vectors_table(space.fingerprint), views or ("base",)
        rows = self.read(name, ["key", *(f"n_{view}" for view in views)])
        for view in views:
            require_norms(self._dataset(name), self._cache_folder(space, view), view, rows)
        return rows

    def forgotten(self) -> ForgottenRecord:
        """Read the record of forgotten samples."""
        return ForgottenRecord(self.read("forgotten"))

    def thumbnail_keys(self) -> list[str]:
        """Read the keys that have a thumbnail."""
        keys: list[str] = self.read("thumbnails", ["key"]).column("key").to_pylist()
        return keys

    def thumbnails(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Read thumbnails (WebP) of keys; keys without one are absent."""
        if not keys:
            return {}
        rows = self.read("thumbnails", where=one_of("key", sorted(set(keys))))
        return dict(zip(rows.column("key").to_pylist(), rows.column("webp").to_pylist(), strict=True))

    def _version(self, table: str) -> int:
        if table not in self.commit.tables:
            raise StoreError(f"{self._tables.uri}: the commit record names no table {table}; restore it from a copy.")
        return self.commit.tables[table]

    def _require(self, table: str, paths: Iterable[str] | None = None) -> None:
        """Check files of a table before they are read; on object storage they cannot be."""
        if self._check is not None:
            self._check.require(table, paths)

    def _dataset(self, table: str) -> Any:
        self._require(table)
        return self._tables.dataset(table, self._version(table))

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Read a table at the version of this snapshot."""
        version = self._version(table)
        self._require(table, None if is_large(table) else self.commit.files.get(table))
        return self._tables.read(table, version, columns, where)

    def count(self, table: str) -> int:
        """Return the number of rows of a table at the version of this snapshot."""
        return int(self._dataset(table).count_rows())

    def column_names(self, table: str) -> list[str]:
        """Return the names of the columns of a table at the version of this snapshot."""
        return list(self._dataset(table).schema.names)


def _with_width(space: SpaceInfo, dataset: Any, view: str) -> SpaceInfo:
    """Return a space with the dimension of a view, as the type of the view's column says."""
    return replace(space, dimension=dataset.schema.field(f"v_{view}").type.list_size)


def _is_ordered(keys: pa.Table) -> bool:
    """Return whether rows of two columns of numbers are in ascending order, as those of one import or index are."""
    if any(column.null_count for column in keys.columns):
        return False
    first, second = (column.to_numpy() for column in keys.columns)
    return bool(((first[:-1] < first[1:]) | ((first[:-1] == first[1:]) & (second[:-1] <= second[1:]))).all())
