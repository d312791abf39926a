"""The commit record: which version of every table belongs together. Written last, read first.

The record is one row, replaced atomically; until it is replaced, readers see the last complete version, and
whatever a killed writer left behind is rolled back by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from retrieval.errors import StoreError
from retrieval.store.lance import LanceTables
from retrieval.store.schema import COMMITS, FORMAT


@dataclass(frozen=True, slots=True)
class Commit:
    """One record. ``store_version`` counts commits that changed samples or vectors; ``number`` counts all."""

    number: int
    store_version: int
    tables: Mapping[str, int]
    note: str
    created: str


def read_commit(tables: LanceTables) -> Commit:
    """Read the newest record.

    Raises:
        StoreError: the record is missing or was written by a newer Vitrine.
    """
    rows = tables.read("commits").to_pylist()
    if len(rows) != 1:
        raise StoreError(f"{tables.uri}: the commit record is damaged; restore the folder commits.lance from a copy.")
    row = rows[0]
    if row["format"] > FORMAT:
        raise StoreError(
            f"{tables.uri}: written by a newer Vitrine (format {row['format']}); upgrade vitrine to open it."
        )
    return Commit(row["commit"], row["store_version"], json.loads(row["tables"]), row["note"], row["created"])


def write_commit(
    tables: LanceTables, before: Commit | None, versions: Mapping[str, int], note: str, *, same_rows: bool = False
) -> Commit:
    """Replace the record; this is the moment a write becomes visible. ``same_rows``: only files were rearranged."""
    old = before.tables if before else {}
    counted = (name for name in versions if name == "samples" or name.startswith("vectors_"))
    changed = not same_rows and any(versions[name] != old.get(name) for name in counted)
    commit = Commit(
        number=before.number + 1 if before else 0,
        store_version=(before.store_version if before else 0) + int(changed and before is not None),
        tables=dict(sorted(versions.items())),
        note=note,
        created=now(),
    )
    row = {
        "format": FORMAT,
        "commit": commit.number,
        "store_version": commit.store_version,
        "tables": json.dumps(commit.tables),
        "note": note,
        "created": commit.created,
    }
    tables.overwrite("commits", pa.Table.from_pylist([row], schema=COMMITS))
    return commit


def now() -> str:
    """The present moment, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
