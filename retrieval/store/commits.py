"""The commit record, which says what version of each table belongs to the newest version of the store.

The record is one row, replaced atomically. Until then readers see the last complete version, and the changes of a
killed writer are rolled back by the next one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from retrieval.errors import StoreError
from retrieval.store.digests import Files, file_digests
from retrieval.store.lance import LanceTables
from retrieval.store.record_digests import add_digests, require_rows
from retrieval.store.schema import COMMITS, FORMAT


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit record.

    ``number`` counts all commits, ``store_version`` those that changed samples or vectors. ``tables`` maps names of
    tables to versions; ``files`` has the digest of every file of these versions.
    """

    number: int
    store_version: int
    tables: Mapping[str, int]
    files: Files
    note: str
    created: str


def read_commit(tables: LanceTables) -> Commit:
    """Read the newest record.

    Raises:
        StoreError: the record is missing, damaged, or of another format.
    """
    require_rows(tables, "commits")
    rows = tables.read("commits").to_pylist()
    row = rows[0] if len(rows) == 1 else {}
    if row.get("format") not in {None, FORMAT}:
        raise StoreError(
            f"{tables.uri}: a store of format {row['format']}, and this Vitrine reads format {FORMAT} only; index "
            "again into a new folder, or open it with the version of Vitrine that wrote it."
        )
    if not row or row.get("sha256") != _record_sha256(row):
        raise StoreError(f"{tables.uri}: the commit record is damaged; restore the folder commits.lance from a copy.")
    versions, files = json.loads(row["tables"]), json.loads(row["files"])
    return Commit(row["commit"], row["store_version"], versions, files, row["note"], row["created"])


def write_commit(
    tables: LanceTables, before: Commit | None, versions: Mapping[str, int], note: str, *, same_rows: bool = False
) -> Commit:
    """Replace the record, which makes changes visible to readers.

    Args:
        tables: the tables of the store.
        before: the last commit; None for a new store.
        versions: table -> version.
        note: reason of the commit.
        same_rows: whether files were rearranged but no row changed, so that ``store_version`` stays.
    """
    old = before.tables if before else {}
    counted = (name for name in versions if name == "samples" or name.startswith("vectors_"))
    changed = not same_rows and any(versions[name] != old.get(name) for name in counted)
    files = file_digests(tables, versions, old, before.files if before else {})
    for name, digests in files.items():
        tables.sync(name, digests.keys() - (before.files.get(name, {}).keys() if before else set()))
    commit = Commit(
        number=before.number + 1 if before else 0,
        store_version=(before.store_version if before else 0) + int(changed and before is not None),
        tables=dict(sorted(versions.items())),
        files=files,
        note=note,
        created=now(),
    )
    row = {
        "format": FORMAT,
        "commit": commit.number,
        "store_version": commit.store_version,
        "tables": json.dumps(commit.tables),
        "files": json.dumps(commit.files, sort_keys=True),
        "note": note,
        "created": commit.created,
    }
    row["sha256"] = _record_sha256(row)
    version = tables.overwrite("commits", pa.Table.from_pylist([row], schema=COMMITS))
    tables.sync("commits", tables.files("commits", version))
    add_digests(tables, "commits")
    return commit


def _record_sha256(row: Mapping[str, Any]) -> str:
    """Hash a record without its column ``sha256``."""
    body = json.dumps({name: value for name, value in row.items() if name != "sha256"}, sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


def now(*, precise: bool = False) -> str:
    """Return the current time in UTC, ISO 8601, to the second, or to the microsecond where ``precise``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if precise else "%Y-%m-%dT%H:%M:%SZ")
