"""The one file that knows LanceDB: tables that are opened at a version, changed, and cleaned up.

Opening is by version because a snapshot reads what a commit record names, never "the latest".
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from retrieval.errors import InputError, StoreError

SMALL_FRAGMENT_ROWS = 65_536
"""Compaction joins fragments smaller than this; larger ones are left where they are."""

NEWEST_FIRST = 2**64 - 1
"""Lance names manifests by this number less the version, so that the newest is listed first."""

KEEP_TAG = "vitrine-reader-"
"""Lance tags with this prefix mark versions that readers held at the last clean-up."""


class LanceTables:
    """The tables of one database, by name."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            self._db = lancedb.connect(uri)
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{uri}: cannot be opened ({_first_line(error)}).") from None

    def names(self) -> set[str]:
        """All tables, committed or not."""
        names: set[str] = set()
        token = None
        try:
            while True:
                page = self._db.list_tables(limit=1000, page_token=token)
                names.update(page.tables)
                token = page.page_token
                if not token:
                    return names
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{self.uri}: cannot be read ({_first_line(error)}).") from None

    def readable(self, name: str) -> bool:
        """Whether a table is there and can be opened; a kill while it was made leaves a folder that cannot."""
        try:
            self._db.open_table(name)
        except (OSError, RuntimeError, ValueError):
            return False
        return True

    def latest(self, name: str) -> int:
        """The newest version of a table."""
        return int(self._table(name).version)

    def create(self, name: str, schema: pa.Schema) -> int:
        """Make an empty table; return its version."""
        with self._writing(name):
            return int(self._db.create_table(name, schema=schema, exist_ok=True).version)

    def drop(self, name: str) -> None:
        """Remove a table with all its versions, also one that was never finished."""
        with self._writing(name):
            if self.readable(name):
                self._db.drop_table(name)
            else:
                shutil.rmtree(Path(self.uri) / f"{name}.lance", ignore_errors=True)

    def restore(self, name: str, version: int) -> None:
        """Make an older version the newest again."""
        table = self._table(name)
        with self._writing(name):
            table.checkout(version)
            table.restore()

    def overwrite(self, name: str, rows: pa.Table) -> int:
        """Replace all rows in one atomic step, making the table if there is none."""
        if name not in self.names():
            with self._writing(name):
                return int(self._db.create_table(name, data=rows).version)
        table = self._table(name)
        with self._writing(name):
            table.add(rows, mode="overwrite")
        return int(table.version)

    def append(self, name: str, rows: pa.Table) -> int:
        """Add rows; they must have the table's columns, in any order, missing ones null."""
        table = self._table(name)
        if rows.num_rows:
            with self._writing(name):
                table.add(_conform(rows, table.schema))
        return int(table.version)

    def merge(self, name: str, on: Sequence[str], rows: pa.Table) -> int:
        """Insert rows, replacing those whose ``on`` columns match."""
        table = self._table(name)
        if rows.num_rows:
            work = table.merge_insert(list(on)).when_matched_update_all().when_not_matched_insert_all()
            with self._writing(name):
                work.execute(_conform(rows, table.schema))
        return int(table.version)

    def delete(self, name: str, where: str) -> int:
        """Delete rows; a condition that matches nothing writes nothing."""
        table = self._table(name)
        if table.count_rows(where):
            with self._writing(name):
                table.delete(where)
        return int(table.version)

    def add_columns(self, name: str, fields: Iterable[pa.Field]) -> None:
        """Add columns of nulls."""
        table = self._table(name)
        with self._writing(name):
            table.add_columns(list(fields))

    def widen(self, name: str, column: str) -> None:
        """Make a column of whole numbers one of decimals, rewriting that column only."""
        table = self._table(name)
        with self._writing(name):
            table.add_columns({f"{column}__wide": f"cast({column} as double)"})
            table.drop_columns([column])
            table.alter_columns({"path": f"{column}__wide", "rename": column})

    def schema(self, name: str, version: int | None = None) -> pa.Schema:
        """The columns of a table."""
        return self.dataset(name, version).schema

    def dataset(self, name: str, version: int | None = None) -> Any:
        """The underlying Lance dataset at a version (fragments, tags and clean-up live there)."""
        table = self._table(name)
        if version is not None:
            try:
                table.checkout(version)
            except (OSError, RuntimeError, ValueError) as error:
                raise StoreError(
                    f"{self.uri}: table {name} has lost version {version} ({_first_line(error)})."
                ) from None
        return table.to_lance()

    def read(
        self, name: str, version: int | None = None, columns: Sequence[str] | None = None, where: str | None = None
    ) -> pa.Table:
        """Read rows.

        Raises:
            InputError: ``where`` is not SQL over this table's columns.
        """
        dataset = self.dataset(name, version)
        if where is not None and ";" in re.sub(r"'[^']*'", "", where):
            raise InputError(f"'{where}' is not one condition: it has a ';'.")
        try:
            return dataset.to_table(columns=None if columns is None else list(columns), filter=where)
        except (OSError, RuntimeError, ValueError) as error:
            if where is None:
                raise StoreError(f"{self.uri}: table {name} cannot be read ({_first_line(error)}).") from None
            names = ", ".join(dataset.schema.names)
            raise InputError(
                f"'{where}' is not a condition over {name}: {_first_line(error)}. Columns: {names}."
            ) from None

    def files(self, name: str, version: int) -> list[str]:
        """Files that a version of a local table is made of, below its folder: manifest, data, marks of deletion."""
        folder = Path(self.uri) / f"{name}.lance"
        manifests = (f"_versions/{NEWEST_FIRST - version:020d}.manifest", f"_versions/{version}.manifest")
        found = [path for path in manifests if (folder / path).is_file()][:1]
        for fragment in self.dataset(name, version).get_fragments():
            meta = fragment.metadata
            found += [f"data/{file.path}" for file in meta.files]
            if meta.deletion_file is not None:
                found.append(meta.deletion_file.path(meta.id))
        return sorted(found)

    def count(self, name: str, version: int | None = None) -> int:
        """Number of rows."""
        return int(self.dataset(name, version).count_rows())

    def compact(self, name: str) -> bool:
        """Join small fragments if there are many; return whether anything was rewritten."""
        dataset = self.dataset(name)
        small = sum(1 for f in dataset.get_fragments() if f.physical_rows < SMALL_FRAGMENT_ROWS)
        if small < 8:
            return False
        with self._writing(name):
            dataset.optimize.compact_files(target_rows_per_fragment=SMALL_FRAGMENT_ROWS)
        return True

    def clean(self, name: str, keep: Iterable[int], *, older_than: timedelta, unverified: bool) -> None:
        """Delete versions older than ``older_than``, except the newest and ``keep``.

        ``unverified`` also removes what a killed writer left half-written; only the holder of the lock may ask.
        """
        dataset = self.dataset(name)
        with self._writing(name):
            self._clean(dataset, set(keep), older_than, unverified=unverified)

    @staticmethod
    def _clean(dataset: Any, keep: set[int], older_than: timedelta, *, unverified: bool) -> None:
        for tag in [tag for tag in dataset.tags.list() if tag.startswith(KEEP_TAG)]:
            dataset.tags.delete(tag)
        present = {int(version["version"]) for version in dataset.versions()}
        for version in present.intersection(keep):
            dataset.tags.create(f"{KEEP_TAG}{version}", version)
        dataset.cleanup_old_versions(
            older_than=older_than, delete_unverified=unverified, error_if_tagged_old_versions=False
        )

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Turn a full disk and the like into one sentence; what is committed stays whole."""
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"{self.uri}: table {name} could not be written ({_first_line(error)}). The last complete version is "
                "whole; mend the cause (is the disk full?) and run the same command again."
            ) from None

    def _table(self, name: str) -> Any:
        try:
            return self._db.open_table(name)
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{self.uri}: table {name} cannot be opened ({_first_line(error)}).") from None


def is_remote(uri: str) -> bool:
    """Whether the store lies on object storage."""
    return "://" in uri


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Order the columns as the table has them and fill missing ones with nulls."""
    arrays = [
        rows.column(f.name).cast(f.type) if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    return re.sub(r",? /\S+\.rs:\d+:\d+.*$", "", line).removeprefix("Invalid user input: ")[:300].rstrip(".")
