"""The writer of a store, which changes tables and makes the changes visible by a commit record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import InputError, StoreError
from retrieval.store.commits import Commit, now, read_commit, write_commit
from retrieval.store.conditions import equal_to, some_of
from retrieval.store.digests import FileCheck
from retrieval.store.forgotten import read_forgotten
from retrieval.store.lance import LanceTables
from retrieval.store.lock import live_tags
from retrieval.store.record_digests import add_digests
from retrieval.store.records import save_bank, tidy_appended
from retrieval.store.schema import (
    APPENDED,
    COMMITTED,
    META_PREFIX,
    SPACES,
    is_ours,
    vectors_schema,
    vectors_table,
    view_fields,
)
from retrieval.store.snapshot import LanceSnapshot
from retrieval.store.spaces import short_name, space_of
from retrieval.types import Bank, Embeddings, EncoderSpec, Float32, SpaceInfo, SpaceState


class LanceWriter:
    """Writes to a store whose lock the caller holds; see :class:`retrieval.types.store.StoreWriter`."""

    def __init__(self, tables: LanceTables, folder: Path) -> None:
        self._tables = tables
        self._folder = folder
        self._commit = self._begin()

    @property
    def snapshot(self) -> LanceSnapshot:
        """The last committed version."""
        return LanceSnapshot(self._tables, self._commit, self._folder / "cache")

    def _begin(self) -> Commit:
        """Open the last complete version and roll back changes after it; create the tables of a new store."""
        self._tables.sweep("commits", alone=True)
        for name in APPENDED:
            self._tables.sweep(name, alone=False)
        if not self._tables.readable("commits"):
            return self._make_new()
        commit = self._last_commit()
        for name in self.committed_tables():
            self._tables.sweep(name, alone=True, newer_than=commit.tables.get(name, 0))
            if name not in commit.tables:
                self._tables.drop(name)
            elif self._tables.latest(name) != commit.tables[name]:
                self._tables.restore(name, commit.tables[name])
        versions = {name: self._tables.latest(name) for name in commit.tables}
        if versions != dict(commit.tables):
            commit = write_commit(self._tables, commit, versions, "roll back", same_rows=True)
        return commit

    def _last_commit(self) -> Commit:
        """Read the newest record; one that a power cut left torn was not acknowledged, and the one before is read."""
        try:
            return read_commit(self._tables)
        except StoreError:
            if not self._tables.drop_torn_version("commits"):
                raise
            return read_commit(self._tables)

    def _make_new(self) -> Commit:
        """Create an empty store, also in a folder in which the creation of one was killed.

        Raises:
            StoreError: the folder has samples or vectors, so the commit record was lost.
        """
        existing = {name for name in self._tables.names() if is_ours(name)}
        filled = [name for name in existing if name.startswith("vectors_")]
        filled += [name for name in COMMITTED if self._tables.readable(name) and self._tables.count(name)]
        if filled:
            raise StoreError(
                f"{self._tables.uri}: the commit record is lost, but {filled[0]} is there; restore the folder "
                "commits.lance from a copy. Nothing was changed."
            )
        for name in existing:
            if not self._tables.readable(name):
                self._tables.drop(name)
        for name, schema in {**COMMITTED, **APPENDED}.items():
            self._tables.create(name, schema)
        for name in APPENDED:
            add_digests(self._tables, name)
        return write_commit(self._tables, None, {name: self._tables.latest(name) for name in COMMITTED}, "create")

    def committed_tables(self) -> set[str]:
        """Return the tables in the folder whose versions belong in the commit record."""
        return {name for name in self._tables.names() if is_ours(name)} - {"commits", *APPENDED}

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
        """Find or create the space of an encoder; add columns for views that it lacks."""
        spaces = self._latest_spaces()
        table = vectors_table(spec.fingerprint)
        stored = next((row for row in spaces if row["fingerprint"] == spec.fingerprint), None)
        if stored is None:
            self._tables.create(table, vectors_schema(dimension, tuple(views), widths))
            name = short_name(spec, [row["name"] for row in spaces])
            row: dict[str, Any] = {
                "fingerprint": spec.fingerprint,
                "name": name,
                "created": now(precise=True),  # spaces are listed oldest first, also two of one second
                "dimension": dimension,
                "state": state,
                "parent": parent,
                "matrix": None if matrix is None else np.ascontiguousarray(matrix, "<f4").tobytes(),
                "matrix_shape": None if matrix is None else list(matrix.shape),
                "promoted": None,
            }
        else:
            row = dict(stored)
            for view in (view for view in views if view not in stored["views"]):
                self._tables.add_columns(table, view_fields((widths or {}).get(view, dimension), view))
        stored_views = list(stored["views"]) if stored else []
        row |= {"spec": spec.to_json(), "views": stored_views + [view for view in views if view not in stored_views]}
        if row != stored:
            self._tables.merge("spaces", ["fingerprint"], pa.Table.from_pylist([row], schema=SPACES))
        return space_of(row)

    def set_state(self, space: SpaceInfo, state: SpaceState) -> None:
        """Set the state of a space."""
        self._change_space(space, {"state": state})

    def promote(self, space: SpaceInfo) -> None:
        """Make a space the default."""
        self._change_space(space, {"promoted": now(precise=True)})

    def _change_space(self, space: SpaceInfo, values: Mapping[str, Any]) -> None:
        row = next(row for row in self._latest_spaces() if row["fingerprint"] == space.fingerprint)
        if row != (changed := {**row, **values}):
            self._tables.merge("spaces", ["fingerprint"], pa.Table.from_pylist([changed], schema=SPACES))

    def _latest_spaces(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._tables.read("spaces").to_pylist()
        return rows

    def put_source(self, name: str, kind: str, root: str) -> None:
        """Record kind and root of a source; a new source comes after all others."""
        rows = self._tables.read("sources").to_pylist()
        stored = next((row for row in rows if row["name"] == name), None)
        end = max((row["position"] for row in rows), default=-1) + 1
        row = stored or {"name": name, "position": end, "next_position": 0}
        row = row | {"kind": kind, "root": root}
        if row != stored:
            self._put_sources([row])

    def _put_sources(self, rows: list[dict[str, Any]]) -> None:
        self._tables.merge("sources", ["name"], pa.Table.from_pylist(rows, schema=COMMITTED["sources"]))

    def vector_keys(self, space: SpaceInfo) -> list[str]:
        """Return the keys that have a vector in a space, including those not committed yet."""
        keys: list[str] = self._tables.read(vectors_table(space.fingerprint), columns=["key"]).column("key").to_pylist()
        return keys

    def append_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Add vectors of keys that the space does not have yet."""
        if keys:
            self._tables.append(vectors_table(space.fingerprint), _vector_rows(keys, views))

    def replace_vectors(self, space: SpaceInfo, keys: Sequence[str], views: Mapping[str, Embeddings]) -> None:
        """Replace the vectors of keys that the space has already, in all views."""
        if keys:
            self._tables.merge(vectors_table(space.fingerprint), ["key"], _vector_rows(keys, views))

    def append_samples(self, rows: pa.Table) -> None:
        """Add samples that the store does not have yet."""
        self._make_room_for_meta(rows)
        self._tables.append("samples", rows)

    def update_samples(self, rows: pa.Table) -> None:
        """Replace complete rows of samples that the store has."""
        self._make_room_for_meta(rows)
        self._tables.merge("samples", ["id"], rows)

    def _make_room_for_meta(self, rows: pa.Table) -> None:
        self.prepare_meta(rows.schema)

    def prepare_meta(self, schema: pa.Schema) -> None:
        """Add the ``meta_*`` columns of a schema to ``samples``; columns of int become float if the schema has float.

        Raises:
            InputError: a column exists with another type.
        """
        stored = {field.name: field.type for field in self._tables.schema("samples")}
        new_fields = []
        for field in schema:
            if not field.name.startswith(META_PREFIX) or pa.types.is_null(field.type):
                continue
            if field.name not in stored:
                new_fields.append(pa.field(field.name, field.type))
                continue
            kind = stored[field.name]
            if kind == field.type or (pa.types.is_float64(kind) and pa.types.is_int64(field.type)):
                continue
            if pa.types.is_int64(kind) and pa.types.is_float64(field.type):
                self._tables.widen("samples", field.name)
                continue
            if pa.types.is_string(kind):  # numbers in a column of text are text
                continue
            raise InputError(
                f"Column {field.name.removeprefix(META_PREFIX)} holds {field.type} here but {kind} in the store; give "
                "it another name."
            )
        if new_fields:
            self._tables.add_columns("samples", new_fields)

    def delete_samples(self, ids: Sequence[str]) -> None:
        """Delete samples, and vectors and thumbnails that no other sample uses.

        Positions of deleted samples are not given to new samples.
        """
        self.retire_positions(set(ids))
        for where in some_of("id", ids):
            self._tables.delete("samples", where)
        used = set(self._tables.read("samples", columns=["key"]).column("key").to_pylist())
        for name in ["thumbnails", *(n for n in self.committed_tables() if n.startswith("vectors_"))]:
            keys = set(self._tables.read(name, columns=["key"]).column("key").to_pylist())
            for where in some_of("key", sorted(keys - used)):
                self._tables.delete(name, where)

    def retire_positions(self, ids: Collection[str]) -> None:
        """Set ``next_position`` of the sources of these samples above all positions in use."""
        rows = self._tables.read("samples", columns=["id", "source", "position"]).to_pylist()
        losing = {row["source"] for row in rows if row["id"] in ids}
        top = dict.fromkeys(losing, 0)
        for row in rows:
            if row["source"] in losing and row["position"] is not None:
                top[row["source"]] = max(top[row["source"]], row["position"] + 1)
        sources = self._tables.read("sources").to_pylist()
        behind = [row for row in sources if row["next_position"] < top.get(row["name"], 0)]
        if behind:
            self._put_sources([{**row, "next_position": top[row["name"]]} for row in behind])

    def lift_forgotten(self, ids: Collection[str], keys: Collection[str]) -> None:
        """Delete what is remembered of forgotten samples with these ids or keys, which are samples again."""
        record = read_forgotten(self._tables)
        gone = {
            column: pa.array(sorted(record.hashes(texts)), pa.string())
            for column, texts in (("id", ids), ("content", keys))
        }

        def kept(rows: pa.Table) -> pa.Table:
            again = [pc.is_in(rows.column(column), value_set=hashes) for column, hashes in gone.items()]
            return rows.filter(pc.invert(pc.or_(*again)))

        if len(record) and (ids or keys):
            self._tables.rewrite("forgotten", list(gone), lambda rows: kept(rows).num_rows < rows.num_rows, kept)

    def append_thumbnails(self, pictures: Mapping[str, bytes]) -> None:
        """Add thumbnails of keys that have none."""
        columns = {"key": list(pictures), "webp": list(pictures.values())}
        self._tables.append("thumbnails", pa.table(columns, schema=COMMITTED["thumbnails"]))

    def replace_failures(self, source: str, failures: Mapping[str, str]) -> None:
        """Replace the failures of a source, uri -> reason, by those of the current run."""
        where = equal_to("source", source)
        rows = {row["uri"]: row["reason"] for row in self._tables.read("failures", where=where).to_pylist()}
        if rows != dict(failures):
            self._tables.delete("failures", where)
            columns = {"source": [source] * len(failures), "uri": list(failures), "reason": list(failures.values())}
            self._tables.append("failures", pa.table(columns, schema=COMMITTED["failures"]))

    def save_bank(self, bank: Bank) -> None:
        """Append a bank. No commit is needed."""
        save_bank(self._tables, bank)

    def commit(self, note: str, without: Collection[str] = (), *, same_rows: bool = False) -> int:
        """Make all changes since the last commit visible, atomically; return the store version.

        Without changes nothing is written. Tables ``without`` are no part of the store any more. With
        ``same_rows``, files were rearranged only, and the store version stays.
        """
        versions = {name: self._tables.latest(name) for name in self.committed_tables() - set(without)}
        if versions != dict(self._commit.tables):
            self._commit = write_commit(self._tables, self._commit, versions, note, same_rows=same_rows)
        return self._commit.store_version

    def tidy(self) -> None:
        """Merge small fragments and delete old versions that no reader uses. Call after a commit."""
        names = self.committed_tables()
        check = FileCheck(self._tables.uri, self._commit.files)  # or damage would get a digest of its own
        compacted = [name for name in sorted(names) if self._tables.compact(name, partial(check.require, name))]
        if compacted:
            # Merged fragments have the same rows, so the store version does not change.
            versions = {name: self._tables.latest(name) for name in self._commit.tables}
            self._commit = write_commit(self._tables, self._commit, versions, "compact", same_rows=True)
        in_use = live_tags(self._folder)
        for name in [*names, "commits"]:
            self._tables.clean(name, in_use.get(name, set()), unverified=True)
        for name in APPENDED:
            tidy_appended(self._tables, name)


def _vector_rows(keys: Sequence[str], views: Mapping[str, Embeddings]) -> pa.Table:
    columns: dict[str, pa.Array] = {"key": pa.array(list(keys), pa.string())}
    for view, (vectors, norms) in views.items():
        flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
        columns[f"v_{view}"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        columns[f"n_{view}"] = pa.array(norms, pa.float32())
    return pa.table(columns)
