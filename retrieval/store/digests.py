"""Digests of the files of a commit, which ``verify`` compares with the files to find damage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables

Files: TypeAlias = Mapping[str, Mapping[str, str]]
"""Table -> path of a file below the table's folder -> its SHA-256."""


def file_digests(tables: LanceTables, versions: Mapping[str, int], before: Mapping[str, int], digests: Files) -> Files:
    """Compute the digests of the files of tables; files with a digest in the last commit are not read again.

    Args:
        tables: tables in a local folder.
        versions: table -> version in the new commit.
        before: table -> version in the last commit.
        digests: digests in the last commit.
    """
    files: dict[str, Mapping[str, str]] = {}
    for name, version in sorted(versions.items()):
        last = digests.get(name, {})
        if version == before.get(name) and last:
            files[name] = last
            continue
        folder = table_folder(tables.uri, name)
        files[name] = {path: last.get(path) or file_sha256(folder / path) for path in tables.files(name, version)}
    return files


def damaged_files(uri: str, files: Files) -> tuple[list[str], list[str]]:
    """Return the files, as ``table/path``, that are missing, and those whose content differs from its digest."""
    missing, changed = [], []
    for name, digests in files.items():
        for path, sha256 in digests.items():
            file = table_folder(uri, name) / path
            if not file.is_file():
                missing.append(f"{name}/{path}")
            elif file_sha256(file) != sha256:
                changed.append(f"{name}/{path}")
    return missing, changed


def table_folder(uri: str, name: str) -> Path:
    """Return the folder of a table in a local store."""
    return Path(uri) / f"{name}.lance"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
