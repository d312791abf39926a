"""Digests of the files of banks, split sets and results, which no commit record names.

A line for every append says which files it wrote. Rows of these tables are hashed too, but a hash does not cover a
bank's name, nor rows that a damaged manifest has lost. A run that is killed between its append and its line leaves
files without a digest, which the next append adds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.files import replacing
from retrieval.store.digests import file_sha256, table_folder
from retrieval.store.schema import APPENDED

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables

RECORD_DIGESTS = "digests.jsonl"
"""Name of the file in the folder of a store."""


def add_digests(tables: LanceTables, name: str) -> None:
    """Append the digests of files of the newest version of a local table that have none."""
    digests = read_digests(Path(tables.uri))[0].get(name, {})
    fresh = [path for path in tables.files(name, tables.latest(name)) if path not in digests]
    with suppress(FileNotFoundError):  # a newer version replaced this one, and its writer adds the digests
        files = {path: file_sha256(table_folder(tables.uri, name) / path) for path in fresh}
        if files:
            with (Path(tables.uri) / RECORD_DIGESTS).open("ab", buffering=0) as handle:
                handle.write(_line(name, files))  # one write, so that two processes do not mix their lines


def rewrite_digests(tables: LanceTables, digests: Mapping[str, Mapping[str, str]]) -> None:
    """Write the file again for the newest versions of the tables, without damaged lines; new files get a digest."""
    path = Path(tables.uri) / RECORD_DIGESTS
    lines = []
    for name in APPENDED:
        stored = digests.get(name, {})
        folder = table_folder(tables.uri, name)
        paths = tables.files(name, tables.latest(name))
        lines.append(_line(name, {file: stored.get(file) or file_sha256(folder / file) for file in paths}))
    with replacing(path) as young:
        young.write_bytes(b"".join(lines))


def read_digests(folder: Path) -> tuple[dict[str, dict[str, str]], int]:
    """Read all digests, and count damaged lines.

    Returns:
        Table -> path of a file below the table's folder -> its SHA-256, and the number of damaged lines.
    """
    tables: dict[str, dict[str, str]] = {}
    damaged = 0
    with suppress(FileNotFoundError):
        for line in (folder / RECORD_DIGESTS).read_bytes().splitlines():
            row = _sound_line(line)
            if row is None:
                damaged += 1
            else:
                tables.setdefault(row["table"], {}).update(row["files"])
    return tables, damaged


def _sound_line(line: bytes) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
        digest = row.pop("sha256")
    except (ValueError, KeyError, AttributeError):
        return None
    return row if digest == _line_sha256(row) else None


def _line(name: str, files: Mapping[str, str]) -> bytes:
    row = {"table": name, "files": files}
    return json.dumps({**row, "sha256": _line_sha256(row)}).encode() + b"\n"


def _line_sha256(row: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
