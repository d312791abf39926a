"""The hot matrix: vectors read once from the store into one contiguous, memory-mapped file.

LanceDB is the truth; this is a cache beside it. It follows the fragments of a vectors table: as long as the
table only grew, only what is new is read and appended. Deleting the folder costs nothing but time.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from retrieval.errors import StoreError
from retrieval.types import SpaceInfo, VectorMatrix

KEY_BYTES = 48
"""Width of a stored key: 32 hex digits of content, ``#`` and the crop's 12, padded."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """One fragment as the cache has it, a chunk of both files.

    ``mark`` changes when rows of the fragment are deleted; ``sha256`` is of the chunk's keys, then its vectors.
    """

    mark: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What the two files of a generation hold, fragment by fragment."""

    generation: str
    dimension: int
    fragments: tuple[_Fragment, ...]

    @property
    def rows(self) -> int:
        return sum(fragment.rows for fragment in self.fragments)


def hot_matrix(dataset: Any, space: SpaceInfo, view: str, folder: Path | None) -> VectorMatrix:
    """Return all vectors of one view of ``dataset`` (a Lance dataset at its version), through the cache.

    ``folder`` is the cache of this space and view; None, or one that cannot be written, reads into memory.
    """
    marks = [_mark(fragment) for fragment in dataset.get_fragments()]
    if folder is not None:
        with suppress(OSError, ValueError):  # no place, no permission, or files that changed under us
            return _through_cache(dataset, marks, space, view, folder)
    parts = list(read_fragments(dataset, 0, space, view))
    keys = np.concatenate([np.empty(0, f"S{KEY_BYTES}"), *(part.keys for part in parts)])
    data = np.concatenate([np.empty((0, space.dimension), np.float32), *(part.data for part in parts)])
    return VectorMatrix(keys, data, space.fingerprint)


def _through_cache(dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path) -> VectorMatrix:
    found = _load_manifest(folder)
    if found is None or not _covers(found, marks, space.dimension):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            found = _load_manifest(folder)  # another reader may have done the work meanwhile
            if found is None or not _covers(found, marks, space.dimension):
                found = _extend(dataset, marks, space, view, folder, found)
    rows = sum(fragment.rows for fragment in found.fragments[: len(marks)])
    return _map(folder, found, rows, space)


def _covers(manifest: _Manifest, marks: list[str], dimension: int) -> bool:
    cached = [fragment.mark for fragment in manifest.fragments]
    return manifest.dimension == dimension and cached[: len(marks)] == marks


def _extend(
    dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path, found: _Manifest | None
) -> _Manifest:
    """Append the fragments that are new; start a new generation when old ones changed."""
    dimension = space.dimension
    known = [fragment.mark for fragment in found.fragments] if found else []
    if found is None or found.dimension != dimension or marks[: len(known)] != known:
        found = _Manifest(uuid4().hex[:12], dimension, ())
    done = list(found.fragments)
    _make_room(dataset, folder, found, dimension)
    with (
        _resume(folder / f"data-{found.generation}.f32", found.rows * dimension * 4) as data,
        _resume(folder / f"keys-{found.generation}.bin", found.rows * KEY_BYTES) as keys,
    ):
        for mark, part in zip(marks[len(done) :], read_fragments(dataset, len(done), space, view), strict=True):
            raw = part.keys.tobytes(), part.data.tobytes()
            keys.write(raw[0])
            data.write(raw[1])
            done.append(_Fragment(mark, len(part.keys), _sha256(*raw)))
    manifest = _Manifest(found.generation, dimension, tuple(done))
    _save_manifest(folder, manifest)
    _remove_strays(folder, found.generation)
    return manifest


def _sha256(keys: bytes, data: bytes) -> str:
    state = hashlib.sha256(keys)
    state.update(data)
    return state.hexdigest()


def _make_room(dataset: Any, folder: Path, found: _Manifest, dimension: int) -> None:
    """Check that the cache leaves the disk some room: the store itself needs it more.

    Raises:
        OSError: it would not; the vectors are then read into memory.
    """
    current = _load_manifest(folder)
    _remove_strays(folder, current.generation if current else found.generation)
    needed = (dataset.count_rows() - found.rows) * (dimension * 4 + KEY_BYTES)
    if shutil.disk_usage(folder).free < 2 * needed:
        raise OSError(errno.ENOSPC, "too little room for a cache")


def _remove_strays(folder: Path, generation: str) -> None:
    """Delete files of other generations; whoever has one mapped keeps it until done."""
    for old in folder.iterdir():
        if old.suffix in {".f32", ".bin", ".young"} and not old.stem.endswith(f"-{generation}"):
            old.unlink()


@contextmanager
def _resume(path: Path, size: int) -> Iterator[Any]:
    """Open for appending after the first ``size`` bytes, cutting what an interrupted reader left behind them."""
    with path.open("r+b" if path.exists() else "w+b") as handle:
        handle.truncate(size)
        handle.seek(size)
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def read_fragments(dataset: Any, skip: int, space: SpaceInfo, view: str) -> Iterator[VectorMatrix]:
    """Read fragment by fragment; rows without this view are left out."""
    for fragment in dataset.get_fragments()[skip:]:
        try:
            table = fragment.to_table(columns=["key", f"v_{view}"], filter=f"v_{view} IS NOT NULL")
        except (pa.ArrowException, OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"{dataset.uri}: a file of vectors is damaged ({str(error).splitlines()[0][:200]}); restore the store "
                "from a copy, or index into a new one."
            ) from None
        keys = np.array(table.column("key").to_pylist(), dtype=f"S{KEY_BYTES}")
        column = table.column(f"v_{view}").combine_chunks()
        values = column.flatten() if isinstance(column, pa.FixedSizeListArray) else pa.array([], pa.float32())
        data = values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, space.dimension)
        yield VectorMatrix(keys, data, space.fingerprint)


def _mark(fragment: Any) -> str:
    meta = fragment.metadata
    files = ",".join(data_file.path for data_file in meta.files)
    deleted = meta.deletion_file.json() if meta.deletion_file is not None else ""
    return f"{meta.id}:{files}:{deleted}"


def _map(folder: Path, manifest: _Manifest, rows: int, space: SpaceInfo) -> VectorMatrix:
    if rows == 0:
        return VectorMatrix(
            np.empty(0, f"S{KEY_BYTES}"), np.empty((0, manifest.dimension), np.float32), space.fingerprint
        )
    keys = np.memmap(folder / f"keys-{manifest.generation}.bin", dtype=f"S{KEY_BYTES}", mode="r", shape=(rows,))
    shape = (rows, manifest.dimension)
    data = np.memmap(folder / f"data-{manifest.generation}.f32", dtype=np.float32, mode="r", shape=shape)
    return VectorMatrix(keys, data, space.fingerprint)


def _load_manifest(folder: Path) -> _Manifest | None:
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        fragments = tuple(_Fragment(mark, rows, sha256) for mark, rows, sha256 in raw["fragments"])
        manifest = _Manifest(raw["generation"], raw["dimension"], fragments)
        size = (folder / f"data-{manifest.generation}.f32").stat().st_size
        keys = (folder / f"keys-{manifest.generation}.bin").stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = size >= manifest.rows * manifest.dimension * 4 and keys >= manifest.rows * KEY_BYTES
    return manifest if whole else None


def _save_manifest(folder: Path, manifest: _Manifest) -> None:
    raw = {
        "generation": manifest.generation,
        "dimension": manifest.dimension,
        "fragments": [[fragment.mark, fragment.rows, fragment.sha256] for fragment in manifest.fragments],
    }
    young = folder / f"manifest-{uuid4().hex[:8]}.young"
    young.write_text(json.dumps(raw), encoding="utf-8")
    young.replace(folder / "manifest.json")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import fcntl

    with (folder / "lock").open("a") as handle:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
        yield
