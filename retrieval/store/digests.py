"""Digests of the files of a commit, which are compared with the files to find damage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

from retrieval.errors import StoreError
from retrieval.store.remedies import remedy

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


class DamagedFile(NamedTuple):
    """A file of a table that is missing, cannot be read, or differs from its digest.

    ``reason`` is why the operating system does not let it be read, empty if it does.
    """

    table: str
    path: str
    missing: bool = False
    reason: str = ""

    def __str__(self) -> str:
        state = "is missing" if self.missing else "is not as it was written"
        return f"{self.table}.lance/{self.path} {f'cannot be read ({self.reason})' if self.reason else state}"

    @property
    def way_out(self) -> str:
        """What to do about it, as the end of a sentence."""
        return f"{'make it readable, or ' if self.reason else ''}{remedy(self.table)}"


def damaged_files(uri: str, files: Files) -> Iterator[DamagedFile]:
    """Read all files, and yield those that are damaged."""
    for name, digests in files.items():
        for path, sha256 in digests.items():
            try:
                if file_sha256(table_folder(uri, name) / path) != sha256:
                    yield DamagedFile(name, path)
            except (FileNotFoundError, NotADirectoryError):
                yield DamagedFile(name, path, missing=True)
            except OSError as error:
                yield DamagedFile(name, path, reason=error.strerror or type(error).__name__)


class FileCheck:
    """Compares files of a commit with their digests before they are read; a process reads a file once for this.

    Args:
        uri: the store, in a local folder.
        files: digests of the files of the commit.
    """

    _sound: ClassVar[set[tuple[str, int, int, str]]] = set()
    """Path, size, time of change and digest of the files that were checked."""

    def __init__(self, uri: str, files: Files) -> None:
        self._uri, self._files = uri, files

    def require(self, table: str, paths: Iterable[str] | None = None) -> None:
        """Check files of a table, by default all but those with its rows; files without a digest are passed over.

        Raises:
            StoreError: a file is damaged; the message says what to do.
        """
        digests = self._files.get(table, {})
        names = [path for path in digests if not path.startswith("data/")] if paths is None else paths
        for path in names:
            if path in digests and not self._is_sound(table, path, digests[path]):
                for damage in damaged_files(self._uri, {table: {path: digests[path]}}):
                    again = "open the store again; if it is still missing, " if damage.missing else ""
                    raise StoreError(f"{self._uri}: {damage}; {again}{damage.way_out}.")

    def _is_sound(self, table: str, path: str, sha256: str) -> bool:
        file = table_folder(self._uri, table) / path
        try:
            status = file.stat()
            mark = (str(file), status.st_size, status.st_mtime_ns, sha256)
            if mark not in self._sound and file_sha256(file) != sha256:
                return False
        except OSError:
            return False
        self._sound.add(mark)
        return True


def table_folder(uri: str, name: str) -> Path:
    """Return the folder of a table in a local store."""
    return Path(uri) / f"{name}.lance"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
