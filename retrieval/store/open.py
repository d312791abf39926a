"""Open and create stores, in a local folder or, for reading, on object storage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from retrieval.errors import MissingFileError, ReadOnlyStoreError, StoreError
from retrieval.escapes import printable
from retrieval.store import records
from retrieval.store.ann_files import ANN_FOLDER
from retrieval.store.commits import Commit, read_commit
from retrieval.store.digests import table_folder
from retrieval.store.erasing.clean import CACHE
from retrieval.store.erasing.marker import FORGETTING
from retrieval.store.lance import LanceTables, is_remote
from retrieval.store.lock import RECORDS_LOCK, ReaderTag, writer_lock
from retrieval.store.record_digests import RECORD_DIGESTS, require_manifest
from retrieval.store.schema import is_ours
from retrieval.store.snapshot import LanceSnapshot
from retrieval.store.writer import LanceWriter
from retrieval.types import Bank, SplitSet
from retrieval.types.store import EmbeddingStore, StoredResult

WAIT_SECONDS = 600.0

StoreLike: TypeAlias = str | Path | EmbeddingStore
"""The path of a store, or an open one."""

OWN_FILES = {"lock", RECORDS_LOCK, "readers", CACHE, ANN_FOLDER, FORGETTING, RECORD_DIGESTS}


def _say(message: str) -> None:
    print(printable(message), file=sys.stderr)  # noqa: T201 - a waiting writer says who it waits for


class LanceStore:
    """A store in a database of LanceDB; see :class:`retrieval.types.store.EmbeddingStore`."""

    def __init__(self, uri: str, tables: LanceTables) -> None:
        self.uri = uri
        self._tables = tables
        self._folder = None if is_remote(uri) else Path(uri)

    def __repr__(self) -> str:
        return f"LanceStore({self.uri!r})"

    def _repr_html_(self) -> str:
        """Contents of the store, for notebooks."""
        from retrieval.notebook import as_html
        from retrieval.store.info import describe, info_tables

        return as_html(info_tables(describe(self)))

    @property
    def tables(self) -> LanceTables:
        """The tables of the store."""
        return self._tables

    @property
    def local_folder(self) -> Path:
        """The folder of the store.

        Raises:
            ReadOnlyStoreError: it is on object storage.
        """
        return self._local()

    @contextmanager
    def snapshot(self) -> Iterator[LanceSnapshot]:
        """Open the last complete version, which is not deleted while it is open."""
        commit, tag = self._tagged()
        try:
            yield LanceSnapshot(self._tables, commit, None if self._folder is None else self._folder / "cache")
        finally:
            if tag is not None:
                tag.close()

    def _tagged(self) -> tuple[Commit, ReaderTag | None]:
        """Read the commit record and tag its versions; repeat if a writer committed in between."""
        commit = read_commit(self._tables)
        if self._folder is None:
            return commit, None
        while True:
            tag = ReaderTag(self._folder, commit.tables)
            now = read_commit(self._tables)
            if now.number == commit.number:
                return commit, tag
            tag.close()
            commit = now

    @contextmanager
    def writer(self, wait: float = WAIT_SECONDS, say: Callable[[str], None] = _say) -> Iterator[LanceWriter]:
        """Hold the lock and write; changes not committed when the block ends are rolled back by the next writer.

        Args:
            wait: longest time to wait for another writer, in seconds.
            say: receives a message that names the other writer; by default it is printed to standard error.

        Raises:
            ReadOnlyStoreError: the store cannot be written, or not safely.
            StoreLockedError: another process still holds the lock after ``wait`` seconds.
        """
        folder = self._local()
        with writer_lock(folder, wait, say):
            yield LanceWriter(self._tables, folder)

    @contextmanager
    def locked(self, wait: float = WAIT_SECONDS, say: Callable[[str], None] = _say) -> Iterator[Path]:
        """Hold the lock, so that no other process writes, and yield the folder of the store.

        Args:
            wait: longest time to wait for another writer, in seconds.
            say: receives a message that names the other writer.

        Raises:
            ReadOnlyStoreError: the store cannot be written, or not safely.
            StoreLockedError: another process still holds the lock after ``wait`` seconds.
        """
        folder = self._local()
        with writer_lock(folder, wait, say):
            yield folder

    def repair(self, wait: float = WAIT_SECONDS, say: Callable[[str], None] = _say) -> list[str]:
        """Take damaged files and rows out, which ``index`` or ``eval`` can make again; return what was taken out.

        Args:
            wait: longest time to wait for another writer, in seconds.
            say: receives a message that names the other writer.

        Raises:
            StoreError: the commit record is damaged.
            ReadOnlyStoreError, StoreLockedError: the store cannot be written.
        """
        from retrieval.store.repair import repair

        return repair(self._tables, self._local(), wait, say)

    def split_sets(self) -> Mapping[str, str]:
        """Map names of the stored split sets to their sha256."""
        return records.split_sets(self._tables)

    def read_splits(self, name: str) -> SplitSet:
        """Read a stored split set."""
        return records.read_splits(self._tables, name)

    def save_splits(self, splits: SplitSet) -> None:
        """Append a split set."""
        self._require_writable()
        records.save_splits(self._tables, splits)

    def banks(self, space: str | None = None) -> tuple[Bank, ...]:
        """Read banks."""
        return records.banks(self._tables, space)

    def save_bank(self, bank: Bank) -> None:
        """Append a bank.

        Raises:
            SpaceMismatchError: it is not as wide as its space.
        """
        self._require_writable()
        records.save_bank(self._tables, bank)

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Append a result."""
        self._require_writable()
        records.save_result(self._tables, result)

    def results(self) -> tuple[StoredResult, ...]:
        """Read results, newest first."""
        return records.results(self._tables)

    def _local(self) -> Path:
        if self._folder is None:
            raise _no_lock(self.uri)
        return self._folder

    def _require_writable(self) -> None:
        import os

        if not os.access(self._local(), os.W_OK):
            raise ReadOnlyStoreError(
                f"{self.uri}: this folder cannot be written by you; results are printed, not kept."
            )


def _no_lock(uri: str) -> ReadOnlyStoreError:
    return ReadOnlyStoreError(
        f"{uri}: writing to object storage is refused. One table is committed there safely, but a commit of a store "
        "spans several tables and needs Vitrine's lock, which works in local folders alone. Write to a local folder "
        "and copy it there; reading works."
    )


def is_store(uri: str | Path | LanceStore) -> bool:
    """Return whether there is a store with a commit record."""
    text = uri.uri if isinstance(uri, LanceStore) else str(uri)
    return (is_remote(text) or Path(text).is_dir()) and LanceTables(text).readable("commits")


def open_store(uri: str | Path | LanceStore) -> LanceStore:
    """Open an existing store; an open store is returned unchanged.

    Raises:
        MissingFileError: the folder does not exist.
        StoreError: the folder is not a store.
    """
    if isinstance(uri, LanceStore):
        return uri
    text = str(uri)
    if not is_remote(text) and not Path(text).is_dir():
        raise MissingFileError(f"{text}: no store here; make one with index, or name another.")
    tables = LanceTables(text)
    require_manifest(tables, "commits")
    if not tables.readable("commits"):
        if not is_remote(text) and any(table_folder(text, "commits").glob("_versions/*.manifest")):
            raise StoreError(f"{text}: the commit record cannot be read; restore the folder commits.lance from a copy.")
        raise StoreError(f"{text}: not a Vitrine store (no commit record that can be read); name another.")
    return LanceStore(text, tables)


def as_store(store: StoreLike) -> EmbeddingStore:
    """Open the store at a path as :func:`open_store`; an open store of any kind is returned unchanged."""
    return open_store(store) if isinstance(store, str | Path) else store


def create_store(uri: str | Path | LanceStore) -> LanceStore:
    """Open a store for writing; a new or empty folder becomes an empty store, an open store is returned unchanged.

    Raises:
        ReadOnlyStoreError: the folder cannot be created or written.
        StoreError: the folder contains other files.
    """
    if isinstance(uri, LanceStore):
        return uri
    text = str(uri)
    if is_remote(text):
        raise _no_lock(text)
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ReadOnlyStoreError(f"{text}: cannot be made ({error.strerror}); choose another place.") from None
    tables = LanceTables(text)
    foreign = [
        path.name for path in entries if not (path.name in OWN_FILES or is_ours(path.name.removesuffix(".lance")))
    ]
    if foreign and not tables.readable("commits"):
        raise StoreError(f"{text}: holds other things ({foreign[0]}); choose a new or empty folder for the store.")
    return LanceStore(text, tables)
