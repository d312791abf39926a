"""Digests of files that no commit record names: those of banks, split sets, results and of the record itself.

A line for every append says which files it wrote. Rows of these tables are hashed too, but a hash does not cover a
bank's name, nor rows that a damaged manifest has lost; and Lance does not have to read files that are known to be
damaged. A run that is killed between its append and its line leaves files without a digest, which the next append adds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import StoreError
from retrieval.files import replacing
from retrieval.store.digests import FileCheck, file_sha256, table_folder
from retrieval.store.lance import is_remote
from retrieval.store.schema import APPENDED

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables

RECORD_DIGESTS = "digests.jsonl"
"""Name of the file in the folder of a store."""

MANY_LINES = 500
"""Lines from which those of files that are gone are left out."""


def require_manifest(tables: LanceTables, name: str) -> None:
    """Check the newest manifest of a table, unless it has no digest or lies on object storage.

    Raises:
        StoreError: it is damaged.
    """
    if not is_remote(tables.uri):
        versions = table_folder(tables.uri, name).glob("_versions/*.manifest")
        newest = min((path.name for path in versions), default=None)  # newer versions have lower numbers
        if newest is not None:
            require_files(tables, name, [f"_versions/{newest}"])


def require_rows(tables: LanceTables, name: str) -> None:
    """Check all files of the newest version of a table like :func:`require_manifest`."""
    require_manifest(tables, name)
    if not is_remote(tables.uri):
        require_files(tables, name, tables.files(name, tables.latest(name)))


def require_files(tables: LanceTables, name: str, paths: Iterable[str]) -> None:
    """Check files of a local table that have a digest.

    Raises:
        StoreError: one is damaged.
    """
    digests = read_digests(Path(tables.uri))[0].get(name, {})
    FileCheck(tables.uri, {name: digests}).require(name, paths)


def add_digests(tables: LanceTables, name: str) -> None:
    """Append the digests of files of the newest version of a local table that have none.

    The manifest was just written; one of its name may have had another content before the store was restored. Nothing
    is raised where the digests cannot be written: the rows are stored, and verify counts files without a digest.
    """
    path = Path(tables.uri) / RECORD_DIGESTS
    with suppress(OSError, StoreError):
        digests = read_digests(path.parent)[0].get(name, {})
        paths = tables.files(name, tables.latest(name))
        files = [file for file in paths if file not in digests or file.startswith("_versions/")]
        current = {file: file_sha256(table_folder(tables.uri, name) / file) for file in files}
        fresh = {file: digest for file, digest in current.items() if digests.get(file) != digest}
        if fresh:
            _append_line(path, _line(name, fresh))
        if path.read_bytes().count(b"\n") > MANY_LINES:
            drop_old_digests(tables)


def _append_line(path: Path, line: bytes) -> None:
    """Append a line in one write, so that two processes do not mix theirs."""
    with path.open("ab+", buffering=0) as handle:
        end = handle.seek(0, os.SEEK_END)
        if end and os.pread(handle.fileno(), 1, end - 1) != b"\n":
            line = b"\n" + line  # a killed run left half a line
        if handle.write(line) < len(line):
            handle.truncate(end)  # the disk is full
        os.fsync(handle.fileno())


def drop_old_digests(tables: LanceTables) -> None:
    """Leave out the digests of files that are gone; a line that another process adds meanwhile may be lost."""
    path = Path(tables.uri) / RECORD_DIGESTS
    kept = {
        name: {file: digest for file, digest in files.items() if (table_folder(tables.uri, name) / file).is_file()}
        for name, files in read_digests(path.parent)[0].items()
    }
    with replacing(path) as young:
        young.write_bytes(b"".join(_line(name, files) for name, files in kept.items()))


def rewrite_digests(tables: LanceTables, digests: Mapping[str, Mapping[str, str]]) -> None:
    """Write the file again for the newest versions of the tables, without damaged lines; new files get a digest."""
    path = Path(tables.uri) / RECORD_DIGESTS
    lines = []
    for name in ("commits", *APPENDED):
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

    Raises:
        StoreError: the file cannot be read.
    """
    path = folder / RECORD_DIGESTS
    tables: dict[str, dict[str, str]] = {}
    damaged = 0
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror}); make it readable, or delete it.") from None
    for line in lines:
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
