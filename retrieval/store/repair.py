"""Take damaged files and rows out of a store, so that ``index`` or ``eval`` makes again what was in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import StoreError
from retrieval.store.ann_files import ANN_FOLDER, ann_folders, damaged_ann_file, load_ann
from retrieval.store.commits import Commit, read_commit, write_commit
from retrieval.store.conditions import condition
from retrieval.store.digests import damaged_files, table_folder
from retrieval.store.hot import cache_damage
from retrieval.store.lock import writer_lock
from retrieval.store.record_digests import read_digests, rewrite_digests
from retrieval.store.records import read_records
from retrieval.store.remedies import is_replaceable
from retrieval.store.schema import APPENDED, COMMITTED, vectors_schema, vectors_table
from retrieval.store.verify_records import damaged_records, misfit_banks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from retrieval.store.lance import LanceTables


def repair(tables: LanceTables, folder: Path, wait: float, say: Callable[[str], None]) -> list[str]:
    """Take out what is damaged, and return a sentence for each thing that was taken out.

    Of a table with a damaged file of rows, the rows in this file go; of one whose manifest is damaged, all rows. Tables
    that nothing can make again stay as they are, and :func:`retrieval.store.verify.verify` goes on naming them.

    Args:
        tables: tables of a store.
        folder: the local folder of the store.
        wait: longest time to wait for another writer, in seconds.
        say: receives a message that names the other writer.

    Raises:
        StoreError: the commit record is damaged.
        StoreLockedError: another process still writes after ``wait`` seconds.
    """
    with writer_lock(folder, wait, say):
        return [
            *_repair_committed(tables),
            *_repair_records(tables, folder),
            *_delete_caches(folder / "cache"),
            *_delete_indexes(folder),
        ]


def _repair_committed(tables: LanceTables) -> Iterator[str]:
    """Repair the tables of the commit record, and write a new one."""
    commit = read_commit(tables)
    damaged: dict[str, list[str]] = {}
    for file in damaged_files(tables.uri, commit.files):
        if not file.reason:  # one that cannot be read may be sound
            damaged.setdefault(file.table, []).append(file.path)
    if "spaces" in damaged:  # says what the tables of vectors are
        return
    damaged = {name: paths for name, paths in damaged.items() if is_replaceable(name)}
    if not damaged:
        return
    versions, files = dict(commit.tables), dict(commit.files)
    for name, paths in damaged.items():
        if _is_manifest_damaged(paths):
            schema = _schema(tables, commit, name)
            if schema is None:
                continue
            tables.drop(name)
            versions[name] = tables.create(name, schema)
            files.pop(name)
            yield f"{name}: all rows were taken out, because the manifest is damaged"
        else:
            if tables.latest(name) != commit.tables[name]:  # what a killed run left
                tables.restore(name, commit.tables[name])
            versions[name], rows = tables.drop_fragments(name, paths)
            yield f"{name}: {rows:,} rows were taken out, which are in damaged files"
    before = {name: version for name, version in commit.tables.items() if name in files}
    write_commit(tables, replace(commit, tables=before, files=files), versions, "repair")


def _is_manifest_damaged(paths: Iterable[str]) -> bool:
    return any(path.startswith("_versions/") for path in paths)


def _schema(tables: LanceTables, commit: Commit, name: str) -> pa.Schema | None:
    """Return the schema of a table; None if it is that of a space that is not registered."""
    if name in COMMITTED:
        return COMMITTED[name]
    for row in tables.read("spaces", commit.tables["spaces"]).to_pylist():
        if vectors_table(row["fingerprint"]) == name:
            return vectors_schema(row["dimension"], tuple(row["views"]))
    return None


def _repair_records(tables: LanceTables, folder: Path) -> Iterator[str]:
    """Repair the tables of banks, split sets and results, and their digests."""
    digests, _ = read_digests(folder)
    for name, schema in APPENDED.items():
        if not all(os.access(path, os.R_OK) for path in table_folder(tables.uri, name).rglob("*")):
            continue  # what cannot be read may be sound
        yield from _repair_files(tables, name, schema, digests.setdefault(name, {}))
        rows = read_records(tables, name)
        misfits = misfit_banks(tables, rows) if name == "banks" else {}
        for label, (own_name, sha256) in {**damaged_records(name, rows), **misfits}.items():
            where = condition({k: v for k, v in (("name", own_name), ("sha256", sha256)) if v is not None})
            if where is not None:
                tables.delete(name, where)
                yield f"{name}: {label}: it was taken out" if label in misfits else f"{name}: {label} was taken out"
    rewrite_digests(tables, digests)


def _repair_files(tables: LanceTables, name: str, schema: pa.Schema, digests: dict[str, str]) -> Iterator[str]:
    try:
        files = tables.files(name, tables.latest(name))
        expected = {path: digests[path] for path in files if path in digests}
        damage = [file.path for file in damaged_files(tables.uri, {name: expected}) if not file.reason]
        unreadable = _is_manifest_damaged(damage)
        if not damage:
            read_records(tables, name)
    except StoreError:
        damage, unreadable = [], True
    if unreadable:
        tables.drop(name)
        tables.create(name, schema)
        digests.clear()
        yield f"{name}: all rows were taken out, because the table cannot be read"
    elif damage:
        _, rows = tables.drop_fragments(name, damage)
        yield f"{name}: {rows:,} rows were taken out, which are in damaged files"


def _delete_caches(cache: Path) -> Iterator[str]:
    for folder in sorted(cache.iterdir()) if cache.is_dir() else ():
        if cache_damage(folder):
            shutil.rmtree(folder)
            yield f"cache/{folder.name}: deleted, because it is damaged"


def _delete_indexes(store: Path) -> Iterator[str]:
    for folder in ann_folders(store):
        try:
            record = load_ann(folder)
            is_sound = record is not None and damaged_ann_file(folder, record) is None
        except StoreError:
            is_sound = False
        if not is_sound:
            shutil.rmtree(folder)
            yield f"{ANN_FOLDER}/{folder.name}: deleted, because it is damaged; run 'index-ann' again"
