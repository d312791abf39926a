"""Files of the approximate indexes that ``index-ann`` saves: ``STORE/ann/<fingerprint>-<view>/``.

The folder of an index has a record, ``index.json``, and the files that the record names with their digests. The record
is replaced last, so that readers find the old index or the complete new one. An index belongs to the vectors of one
state of a view; :attr:`AnnRecord.vectors` says which. The folder ``ann`` can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.errors import StoreError
from retrieval.files import write_atomically
from retrieval.store.digests import file_sha256

ANN_FOLDER = "ann"

RECORD = "index.json"

LAYOUT = 1
"""Version of the record. An index of another layout is not used."""

AGAIN = "run 'index-ann' again"


class AnnFile(NamedTuple):
    """Size and SHA-256 of a file of an index."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> AnnFile:
        """Read a file."""
        return cls(path.stat().st_size, file_sha256(path))


@dataclass(frozen=True, slots=True)
class AnnRecord:
    """A saved index.

    Attributes:
        space: fingerprint of the space.
        view: the view whose vectors are indexed.
        kind: kind of the index.
        rows: number of indexed vectors.
        dimension: their dimension.
        vectors: the mark of the indexed vectors; see :class:`retrieval.types.store.AnnPlace`.
        parameters: parameters of building and of searching.
        generation: name of the folder with the files, another one for each build.
        files: path of a file below the index's folder -> its size and SHA-256.
        measured: recall and other comparisons with exact search, as JSON data.
        created: time of creation, ISO 8601.
        store_version: version of the store that was indexed.
    """

    space: str
    view: str
    kind: str
    rows: int
    dimension: int
    vectors: str
    parameters: Mapping[str, Any]
    generation: str
    files: Mapping[str, AnnFile]
    measured: Mapping[str, Any]
    created: str
    store_version: int

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON data."""
        return asdict(self)


def ann_folder(store: Path, space: str, view: str) -> Path:
    """Return the folder of the index of a view; ``space`` is a fingerprint."""
    return store / ANN_FOLDER / f"{space}-{view}"


def ann_folders(store: Path, space: str | None = None) -> list[Path]:
    """Return the existing folders of the indexes of a space (a fingerprint), or of all spaces."""
    pattern = "*" if space is None else f"{space}-*"
    return sorted(path for path in (store / ANN_FOLDER).glob(pattern) if path.is_dir())


def load_ann(folder: Path) -> AnnRecord | None:
    """Read the record of an index; None if there is no index of this layout.

    Raises:
        StoreError: the record cannot be read, or is not as it was written.
    """
    try:
        text = (folder / RECORD).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{folder / RECORD} cannot be read ({error.strerror}); {AGAIN}.") from None
    try:
        raw = json.loads(text)
        is_known, is_sound = raw["layout"] == LAYOUT, raw["sha256"] == _sha256(raw["body"])
        body = {**raw["body"], "files": {path: AnnFile(*file) for path, file in raw["body"]["files"].items()}}
        record = AnnRecord(**body) if is_known and is_sound else None
    except (ValueError, KeyError, TypeError, AttributeError):
        is_known, is_sound, record = True, False, None
    if is_known and not is_sound:
        raise StoreError(f"{folder / RECORD} is not as it was written; {AGAIN}.")
    return record


def save_ann(folder: Path, record: AnnRecord) -> None:
    """Replace the record of an index whose files are complete, and delete files that it does not name.

    Raises:
        InputError: the record cannot be written.
    """
    body = record.to_dict()
    text = json.dumps({"layout": LAYOUT, "body": body, "sha256": _sha256(body)}, indent=1)
    write_atomically(folder / RECORD, text, "make room on the disk and run 'index-ann' again")
    sweep_ann(folder, record)


def ann_files(generation: Path) -> dict[str, AnnFile]:
    """Read the files of a new index, as :attr:`AnnRecord.files` has them.

    Args:
        generation: the folder of the files, in the folder of the index.
    """
    paths = sorted(path for path in generation.rglob("*") if path.is_file())
    return {path.relative_to(generation.parent).as_posix(): AnnFile.of(path) for path in paths}


def sweep_ann(folder: Path, record: AnnRecord | None) -> None:
    """Delete what is in the folder of an index and is not of its record, as far as it can be deleted.

    The caller holds the store's lock.
    """
    kept = {RECORD, record.generation} if record else set()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in kept:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def damaged_ann_file(folder: Path, record: AnnRecord, *, sizes_only: bool = False) -> str | None:
    """Return the first file of an index that is not as it was written, None if all are.

    Args:
        folder: folder of the index.
        record: its record.
        sizes_only: compare sizes alone, which reads no file.
    """
    for path, file in record.files.items():
        try:
            size = (folder / path).stat().st_size
            if size != file.bytes or not (sizes_only or file_sha256(folder / path) == file.sha256):
                return path
        except OSError:
            return path
    return None


def remove_ann(store: str | Path, space: str | None = None) -> list[str]:
    """Delete the saved indexes of a space, or of all; the caller holds the store's lock.

    Whoever deletes vectors for good deletes these files too, which hold copies of them. Without the lock, a running
    ``index-ann`` would write an index of the deleted vectors afterwards.

    Args:
        store: folder of the store.
        space: fingerprint of a space; None for everything in the folder ``ann``.

    Returns:
        The names of the deleted folders.

    Raises:
        StoreError: a file cannot be deleted.
    """
    folders = ann_folders(Path(store), space)
    whole = Path(store) / ANN_FOLDER
    try:
        for folder in folders:
            (folder / RECORD).unlink(missing_ok=True)  # first, so that a kill leaves no index that seems damaged
            shutil.rmtree(folder)
        if whole.is_dir() and (space is None or not any(whole.iterdir())):
            shutil.rmtree(whole)
    except OSError as error:
        raise StoreError(f"{error.filename} cannot be deleted ({error.strerror}); delete it, and try again.") from None
    return [folder.name for folder in folders]


def _sha256(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
