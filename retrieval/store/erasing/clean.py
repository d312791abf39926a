"""Delete the files of a store that only old versions have, after the readers of these versions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import StoreLockedError
from retrieval.store.ann_files import remove_ann
from retrieval.store.erasing.rows import drop_banks
from retrieval.store.lock import live_readers, records_alone, wait_for_readers
from retrieval.store.record_digests import drop_old_digests
from retrieval.store.records import banks
from retrieval.store.schema import APPENDED, is_ours

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables
    from retrieval.store.writer import LanceWriter

CACHE = "cache"
"""Folder of caches of vectors in a store."""


def erase_old_files(
    tables: LanceTables,
    folder: Path,
    writer: LanceWriter,
    wait: float,
    say: Callable[[str], None],
    spaces: Collection[str] | None = None,
) -> None:
    """Erase all versions but the last, files of no version, caches of vectors and saved indexes.

    Args:
        tables: the tables of the store.
        folder: folder of the store.
        writer: its writer, which has committed.
        wait: longest time to wait for readers of older versions, in seconds.
        say: receives a message that names these readers.
        spaces: fingerprints of the spaces whose caches and saved indexes are deleted; None for all.

    Raises:
        StoreLockedError: readers of older versions are still there after ``wait`` seconds; nothing was deleted.
    """
    committed = writer.snapshot.commit.tables
    readers = wait_for_readers(folder, committed, wait, say)
    if readers:
        raise StoreLockedError(
            f"{folder}: what was to be erased is in no answer any more, but its files are not deleted yet, because "
            f"older versions are still read by {'; '.join(readers)}; close it, and run the same command again."
        )
    for space in ("",) if spaces is None else spaces:
        for cache in (folder / CACHE).glob(f"{space}*"):
            (cache / "manifest.json").unlink(missing_ok=True)  # first: without it a cache is none, not a damaged one
            shutil.rmtree(cache, ignore_errors=True)
        remove_ann(folder, space or None)
    _drop_tables(tables, folder, committed)
    for name in (*committed, "commits"):
        tables.erase_old(name)
    with records_alone(folder):
        _drop_orphans(tables, writer)
        for name in APPENDED:
            tables.sweep(name, alone=True)
            tables.erase_old(name)
    drop_old_digests(tables)
    live_readers(folder)  # deletes what readers that were killed left


def _drop_orphans(tables: LanceTables, writer: LanceWriter) -> None:
    """Erase the banks of spaces that are no more: of one that is dropped, also by a run that was killed."""
    spaces = {space.fingerprint for space in writer.snapshot.spaces}
    orphans = [bank for bank in banks(tables, None) if bank.space not in spaces]
    drop_banks(tables, [(bank.name, bank.sha256) for bank in orphans])


def _drop_tables(tables: LanceTables, folder: Path, committed: Collection[str]) -> None:
    """Delete tables of ours that the commit does not name: those of dropped spaces."""
    for name in sorted(tables.names()):
        if is_ours(name) and name not in {*committed, *APPENDED, "commits"}:
            shutil.rmtree(folder / f"{name}.lance")
