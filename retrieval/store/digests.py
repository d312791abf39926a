"""Digests of the files that a commit refers to: written with the record, so that damage can be named later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables

Files: TypeAlias = Mapping[str, Mapping[str, str]]
"""Table -> path of a file below the table's folder -> its SHA-256."""


def file_digests(tables: LanceTables, versions: Mapping[str, int], before: Mapping[str, int], known: Files) -> Files:
    """Digest the files of tables at their versions; what a digest is known of is not read again.

    Args:
        tables: in a local folder; nothing is written on object storage.
        versions: of the tables that a commit is about to name.
        before: versions that the last commit named.
        known: digests that the last commit carried.
    """
    found: dict[str, Mapping[str, str]] = {}
    for name, version in sorted(versions.items()):
        have = known.get(name, {})
        if version == before.get(name) and have:
            found[name] = have
            continue
        folder = table_folder(tables.uri, name)
        found[name] = {path: have.get(path) or file_sha256(folder / path) for path in tables.files(name, version)}
    return found


def damaged_files(uri: str, files: Files) -> tuple[list[str], list[str]]:
    """Files, as ``table/path``, that are missing and those whose content is not what was written."""
    missing, changed = [], []
    for name, digests in files.items():
        for path, sha256 in digests.items():
            place = table_folder(uri, name) / path
            if not place.is_file():
                missing.append(f"{name}/{path}")
            elif file_sha256(place) != sha256:
                changed.append(f"{name}/{path}")
    return missing, changed


def table_folder(uri: str, name: str) -> Path:
    """Where a table lies in a local store."""
    return Path(uri) / f"{name}.lance"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
