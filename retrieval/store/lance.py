"""Tables of LanceDB: read at a version, changed, compacted and cleaned up. No other module imports Lance or LanceDB.

Tables are read at the version in a commit record, not at their newest one, which may not be committed. Lance, the
format of LanceDB's tables, reads them and appends records; LanceDB, whose import takes several times as long as most
reading, is imported when a table is created or changed.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
from lance.file import LanceFileReader

from retrieval.errors import InputError, StoreError, VitrineError
from retrieval.store.digests import table_folder
from retrieval.store.durability import HOUR, NEWEST_FIRST, drop_torn_manifests, is_torn, sweep_temporary, sync_files
from retrieval.store.remedies import remedy

FRAGMENT_ROWS = (1_024, 65_536)
"""Sizes of fragments are below the first, between two of these, or complete; many of one size are merged."""

BATCH_ROWS = 8192
"""Rows that are in memory at one time where files are written again or searched."""

MANY_FRAGMENTS = 8
"""Small fragments of a table that are merged."""

KEEP_OLD_VERSIONS = timedelta(hours=1)
"""Age from which old versions of a table are deleted."""

MANY_VERSIONS = 8
"""Old versions of a table that are worth a clean-up."""

PANICS = {"PanicException", "RustPanic"}
"""Names of exceptions for panics of Rust code, which no module exports."""

KEEP_TAG = "vitrine-reader-"
"""Prefix of Lance tags of versions that readers used at the last clean-up."""


class LanceTables:
    """The tables of one database, by name."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def _address(self, name: str) -> str:
        """Return the address of a table; that of a local one is absolute, or Lance takes 'a:b' for a scheme."""
        return (
            f"{self.uri.rstrip('/')}/{name}.lance"
            if is_remote(self.uri)
            else str(table_folder(self.uri, name).absolute())
        )

    @cached_property
    def _db(self) -> Any:
        import lancedb

        with lance_errors(lambda said: StoreError(f"{self.uri}: cannot be opened ({said}).")):
            return lancedb.connect(self.uri)

    def names(self) -> set[str]:
        """Return the names of all tables of a local store, committed or not."""
        with lance_errors(lambda said: StoreError(f"{self.uri}: cannot be read ({said}).")):
            return {path.stem for path in Path(self.uri).glob("*.lance") if path.is_dir()}

    def readable(self, name: str) -> bool:
        """Return whether a table can be opened; one whose creation was killed cannot."""
        try:
            self.dataset(name)
        except StoreError:
            return False
        return True

    def latest(self, name: str) -> int:
        """Return the newest version of a table."""
        return int(self.dataset(name).version)

    def create(self, name: str, schema: pa.Schema) -> int:
        """Create an empty table; return its version."""
        with self._writing(name):
            return int(self._db.create_table(name, schema=schema, exist_ok=True).version)

    def drop(self, name: str) -> None:
        """Delete a table with all its versions, also one whose creation was killed."""
        with self._writing(name):
            if self.readable(name):
                self._db.drop_table(name)
            else:
                shutil.rmtree(table_folder(self.uri, name), ignore_errors=True)

    def restore(self, name: str, version: int) -> None:
        """Make the newest version equal to an older one."""
        table = self._table(name)
        with self._writing(name):
            table.checkout(version)
            table.restore()

    def overwrite(self, name: str, rows: pa.Table) -> int:
        """Replace all rows atomically, creating the table if it does not exist; return its version."""
        if name not in self.names():
            with self._writing(name):
                return int(self._db.create_table(name, data=rows).version)
        table = self._table(name)
        with self._writing(name):
            table.add(rows, mode="overwrite")
        return int(table.version)

    def append(self, name: str, rows: pa.Table) -> int:
        """Append rows with columns of the table in any order, missing ones null; return its version."""
        dataset = self.dataset(name)
        if rows.num_rows:
            with self._writing(name):
                dataset = lance.write_dataset(_conform(rows, dataset.schema), dataset, mode="append")
        return int(dataset.version)

    def merge(self, name: str, on: Sequence[str], rows: pa.Table) -> int:
        """Insert rows, replacing those with equal values in the columns ``on``; return the version of the table."""
        table = self._table(name)
        if rows.num_rows:
            work = table.merge_insert(list(on)).when_matched_update_all().when_not_matched_insert_all()
            with self._writing(name):
                work.execute(_conform(rows, table.schema))
        return int(table.version)

    def delete(self, name: str, where: str) -> int:
        """Delete rows that meet a condition, if there are any; return the version of the table."""
        table = self._table(name)
        if table.count_rows(where):
            with self._writing(name):
                table.delete(where)
        return int(table.version)

    def rewrite(
        self,
        name: str,
        columns: Sequence[str],
        affects: Callable[[pa.Table], bool],
        changed: Callable[[pa.Table], pa.Table],
        check: Callable[[list[str]], None] | None = None,
    ) -> bool:
        """Write fragments of a local table again with other rows, in one step; return whether there were any.

        Rows that were deleted are left out, so that their bytes are in no file of the new version. Indexes, which may
        hold values of rows, are dropped. No condition is evaluated by Lance, because it keeps the text of conditions.

        Args:
            name: the table.
            columns: the columns that ``affects`` gets.
            affects: says whether a fragment with these rows must be written again.
            changed: returns the new rows for some rows of a fragment.
            check: receives the files to read, relative to the table's folder; raises if one is damaged.
        """
        dataset = self.dataset(name)
        with self._writing(name):
            old = [
                fragment
                for fragment in dataset.get_fragments()
                if fragment.metadata.deletion_file is not None or affects(fragment.to_table(columns=list(columns)))
            ]
            if not old:
                return False
            if check is not None:
                check([file for fragment in old for file in _files_of(fragment)])
            new = [meta for fragment in old for meta in _written_again(dataset, fragment, changed)]
            for index in dataset.list_indices():
                dataset.drop_index(index["name"])
            operation = lance.LanceOperation.Update(
                removed_fragment_ids=[fragment.fragment_id for fragment in old], new_fragments=new
            )
            lance.LanceDataset.commit(dataset.uri, operation, read_version=dataset.version)
        return True

    def erase_old(self, name: str) -> None:
        """Delete all versions of a local table but the newest, and files of no version; nobody else may be writing."""
        dataset = self.dataset(name)
        with self._writing(name):
            for tag in [tag for tag in dataset.tags.list() if tag.startswith(KEEP_TAG)]:
                dataset.tags.delete(tag)
            dataset.cleanup_old_versions(
                older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
            )
            folder = table_folder(self.uri, name)
            sync_files(folder, [path.name for path in folder.iterdir() if path.is_dir()])  # a power cut undoes nothing

    def drop_fragments(self, name: str, paths: Collection[str]) -> tuple[int, int]:
        """Delete the fragments of a table that these files belong to, which are not read.

        Returns:
            The version of the table, and the number of rows that were deleted.
        """
        dataset = self.dataset(name)
        dropped = [fragment for fragment in dataset.get_fragments() if set(_files_of(fragment)) & set(paths)]
        operation = lance.LanceOperation.Delete([], [fragment.fragment_id for fragment in dropped], "damaged")
        with self._writing(name):
            changed = lance.LanceDataset.commit(dataset.uri, operation, read_version=dataset.version)
        return int(changed.version), sum(fragment.physical_rows for fragment in dropped)

    def add_columns(self, name: str, fields: Iterable[pa.Field]) -> None:
        """Add columns of nulls."""
        table = self._table(name)
        with self._writing(name):
            table.add_columns(list(fields))

    def widen(self, name: str, column: str) -> None:
        """Change the type of a column from int64 to float64."""
        table = self._table(name)
        with self._writing(name):
            table.add_columns({f"{column}__wide": f"cast({column} as double)"})
            table.drop_columns([column])
            table.alter_columns({"path": f"{column}__wide", "rename": column})

    def schema(self, name: str, version: int | None = None) -> pa.Schema:
        """Return the schema of a table."""
        return self.dataset(name, version).schema

    def dataset(self, name: str, version: int | None = None) -> Any:
        """Return the Lance dataset of a table at a version, which gives access to fragments and tags."""
        with self._reading(name):
            return lance.dataset(self._address(name), version)

    def read(
        self, name: str, version: int | None = None, columns: Sequence[str] | None = None, where: str | None = None
    ) -> pa.Table:
        """Read rows of a table at a version (the newest if None).

        Raises:
            InputError: ``where`` is not an SQL condition over the columns of the table.
        """
        dataset = self.dataset(name, version)
        with self._reading(name):
            try:
                return dataset.to_table(columns=None if columns is None else list(columns), filter=where)
            except (OSError, RuntimeError, ValueError) as error:
                if where is None or name != "samples":  # conditions of users are over samples
                    raise
                names = ", ".join(dataset.schema.names)
                raise InputError(
                    f"'{where}' is not a condition over {name}: {_advice(error)}. Columns: {names}."
                ) from None

    def parts(self, name: str, version: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some thousand rows of a table at a version after the other, as they are stored."""
        dataset = self.dataset(name, version)
        with self._reading(name):
            yield from dataset.to_batches(columns=list(columns))

    def files(self, name: str, version: int) -> list[str]:
        """Return the files of a version of a local table, relative to its folder: manifest, data and deletions."""
        folder = table_folder(self.uri, name)
        manifests = (f"_versions/{NEWEST_FIRST - version:020d}.manifest", f"_versions/{version}.manifest")
        files = [path for path in manifests if (folder / path).is_file()][:1]
        for fragment in self.dataset(name, version).get_fragments():
            files += _files_of(fragment)
        return sorted(files)

    def count(self, name: str, version: int | None = None) -> int:
        """Return the number of rows of a table at a version."""
        dataset = self.dataset(name, version)
        with self._reading(name):
            return int(dataset.count_rows())

    def compact(self, name: str, check: Callable[[list[str]], None] | None = None) -> bool:
        """Merge small fragments if there are many; return whether any were merged.

        The smallest are merged first, so that many small additions do not rewrite a large fragment each time.

        Args:
            name: the table.
            check: receives the files to merge, relative to the table's folder; raises if one is damaged.
        """
        dataset = self.dataset(name)
        fragments = dataset.get_fragments()
        for least, most in pairwise((0, *FRAGMENT_ROWS)):
            if sum(least <= fragment.physical_rows < most for fragment in fragments) >= MANY_FRAGMENTS:
                if check is not None:
                    check([file for part in fragments if part.physical_rows < most for file in _files_of(part)])
                with self._writing(name):
                    dataset.optimize.compact_files(target_rows_per_fragment=most)
                return True
        return False

    def clean(self, name: str, keep: Iterable[int], *, unverified: bool) -> None:
        """Delete versions of a table older than :data:`KEEP_OLD_VERSIONS`; the newest is never deleted.

        Args:
            name: the table.
            keep: versions that readers use.
            unverified: whether to delete incomplete files of killed writers too, which requires the store's lock.
        """
        if not self._worth_cleaning(name):
            return
        dataset = self.dataset(name)
        with self._writing(name):
            self._clean(dataset, set(keep), unverified=unverified)

    def _worth_cleaning(self, name: str) -> bool:
        """Return whether a local table has several old versions, or one that is twice as old.

        Lance reads the manifest of every version to clean up, which would make each of many small runs slower than
        the one before.
        """
        now = time.time()
        manifests = (table_folder(self.uri, name) / "_versions").glob("*.manifest")
        ages = sorted(now - path.stat().st_mtime for path in manifests)[1:]  # the newest version is never deleted
        keep = KEEP_OLD_VERSIONS.total_seconds()
        return sum(age > keep for age in ages) >= MANY_VERSIONS or (bool(ages) and ages[-1] >= 2 * keep)

    @staticmethod
    def _clean(dataset: Any, keep: set[int], *, unverified: bool) -> None:
        for tag in [tag for tag in dataset.tags.list() if tag.startswith(KEEP_TAG)]:
            dataset.tags.delete(tag)
        present = {int(version["version"]) for version in dataset.versions()}
        for version in present.intersection(keep):
            dataset.tags.create(f"{KEEP_TAG}{version}", version)
        dataset.cleanup_old_versions(
            older_than=KEEP_OLD_VERSIONS, delete_unverified=unverified, error_if_tagged_old_versions=False
        )

    def sync(self, name: str, files: Iterable[str]) -> None:
        """Force files of a local table to the disk; see :func:`retrieval.store.durability.sync_files`."""
        with self._writing(name):
            sync_files(table_folder(self.uri, name), files)

    def sweep(self, name: str, *, alone: bool, newer_than: int = 0) -> None:
        """Delete what a killed writer or a power cut left of changes to a local table that were not acknowledged.

        Args:
            name: the table.
            alone: whether no other process can be writing to the table.
            newer_than: the version that was acknowledged last.
        """
        drop_torn_manifests(table_folder(self.uri, name), newer_than)
        sweep_temporary(table_folder(self.uri, name), older_than=0 if alone else HOUR)

    def drop_torn_version(self, name: str) -> bool:
        """Delete the newest version of a local table if a power cut left a data file torn; return whether it was."""
        newest = min((table_folder(self.uri, name) / "_versions").glob("*.manifest"), default=None)
        if newest is None or not any(is_torn(path) for path in (table_folder(self.uri, name) / "data").glob("*.lance")):
            return False
        newest.unlink()
        return True

    def _writing(self, name: str) -> AbstractContextManager[None]:
        """Convert errors of writing, such as a full disk, to :class:`StoreError`."""
        return lance_errors(
            lambda said: StoreError(
                f"{self.uri}: table {name} could not be written ({said}). The last complete version is whole; mend the "
                "cause (is the disk full?) and run the same command again."
            )
        )

    def _reading(self, name: str) -> AbstractContextManager[None]:
        """Convert errors of reading, such as a damaged file, to :class:`StoreError`."""
        return lance_errors(
            lambda said: StoreError(
                f"{self.uri}: table {name} cannot be read ({said}){'' if is_remote(self.uri) else f'; {remedy(name)}'}."
            )
        )

    def _table(self, name: str) -> Any:
        with self._reading(name):
            return self._db.open_table(name)


@contextmanager
def lance_errors(error_of: Callable[[str], StoreError]) -> Iterator[None]:
    """Convert errors of Lance, and panics of its Rust code, to the error that ``error_of`` makes of their message.

    A panic may be a BaseException of its own, which no ``except Exception`` catches.
    """
    try:
        yield
    except VitrineError:
        raise
    except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
        raise error_of(said_by_lance(error)) from None
    except BaseException as error:
        if type(error).__name__ not in PANICS:
            raise
        raise error_of(said_by_lance(error)) from None


def write_dataset(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Any:
    """Write a dataset of one fragment that is no table of a store; ``rows`` is the number of its rows.

    Raises:
        StoreError: it cannot be written.
    """
    with lance_errors(lambda said: StoreError(f"{path}: cannot be written ({said}); make room on the disk.")):
        return lance.write_dataset(batches, str(path.absolute()), schema=schema, max_rows_per_file=rows)


def open_dataset(path: Path) -> Any:
    """Open a dataset that is no table of a store.

    Raises:
        StoreError: it cannot be read.
    """
    with lance_errors(lambda said: StoreError(f"{path}: cannot be read ({said}).")):
        return lance.dataset(str(path.absolute()))


def _written_again(dataset: Any, fragment: Any, changed: Callable[[pa.Table], pa.Table]) -> Sequence[Any]:
    """Write the rows of a fragment again, without those that ``changed`` leaves out, one batch after the other.

    Returns:
        Metadata of the new fragments, which no version names yet; none if no row is left.
    """
    batches = (
        batch
        for part in fragment.to_batches(batch_size=BATCH_ROWS)
        for batch in changed(pa.Table.from_batches([part])).to_batches()
        if batch.num_rows
    )
    first = next(batches, None)
    if first is None:
        return ()
    reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
    written: Sequence[Any] = lance.fragment.write_fragments(
        reader, dataset, mode="append", data_storage_version=dataset.data_storage_version
    )
    return written


def read_data_file(path: Path, wanted: Callable[[pa.DataType], bool]) -> Iterator[pa.Table]:
    """Yield the rows of a data file of Lance, whether a version names it or not; deleted rows, too.

    Args:
        path: the file.
        wanted: says of the type of a column whether it is read.

    Raises:
        StoreError: the file is torn or damaged.
    """
    with lance_errors(lambda said: StoreError(f"{path}: cannot be read ({said}).")):
        names = [field.name for field in LanceFileReader(str(path)).metadata().schema if wanted(field.type)]
        if names:
            for batch in LanceFileReader(str(path), columns=names).read_all(batch_size=BATCH_ROWS).to_batches():
                yield pa.Table.from_batches([batch])


def _files_of(fragment: Any) -> list[str]:
    """Return the files of a fragment, relative to the table's folder: data and deletions."""
    meta = fragment.metadata
    deletions = [] if meta.deletion_file is None else [meta.deletion_file.path(meta.id)]
    return [*(f"data/{file.path}" for file in meta.files), *deletions]


def is_remote(uri: str) -> bool:
    """Return whether a store is on object storage."""
    return "://" in uri


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with the columns of a schema in its order, missing ones null."""
    at = {name: number for number, name in enumerate(rows.column_names)}  # look-ups by name are linear in Arrow
    arrays = [rows.column(at[f.name]).cast(f.type) if f.name in at else pa.nulls(rows.num_rows, f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _advice(error: BaseException) -> str:
    """Return what is wrong with a condition, in words of the user where Lance names types of Arrow."""
    text = str(error)
    if "literal of type 'Utf8'" in text:
        return "a column of text is compared with a number; write the number in single quotes"
    if "literal of type 'Timestamp" in text:
        return "a column of time is compared with a text; write timestamp before the text"
    if re.search(r"literal of type '(Int|Float)", text):
        return "the value does not fit a column of numbers; write CAST(column AS double) or another value"
    return said_by_lance(error)


def said_by_lance(error: BaseException) -> str:
    """Return the first line of a message without places in Lance's own sources."""
    text = str(error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    line = re.sub(r"(,|\bat)? */?[\w./@+~-]*\.rs:\d+(:\d+)?", "", line)
    line = re.sub(r", location: Location \{[^}]*\}|, backtrace: \w+", "", line)
    return line.removeprefix("Invalid user input: ")[:300].rstrip(". ")
