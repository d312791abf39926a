"""The hot matrix: a cache of the vectors of a view in one contiguous, memory-mapped file.

The cache follows the fragments of a vectors table in LanceDB: while the table only grows, only new fragments are read
and appended. Its folder can be deleted at any time; it is then made again.
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
"""Bytes of a stored key: 32 hex digits of the content, ``#`` and 12 of the crop, padded."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A cached fragment, which is a chunk of the file of keys and of the file of vectors.

    ``mark`` identifies the fragment and changes if rows of it are deleted; ``sha256`` is the hash of its keys followed
    by its vectors.
    """

    mark: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The fragments in the two files of a generation, in order."""

    generation: str
    dimension: int
    fragments: tuple[_Fragment, ...]

    @property
    def rows(self) -> int:
        return sum(fragment.rows for fragment in self.fragments)


def hot_matrix(dataset: Any, space: SpaceInfo, view: str, folder: Path | None) -> VectorMatrix:
    """Return all vectors of a view, memory-mapped from the cache.

    Args:
        dataset: the Lance dataset of the space's vectors, at a version.
        space: the space.
        view: the view.
        folder: the cache of this space and view. If it is None or cannot be written, vectors are read into memory.
    """
    marks = [_mark(fragment) for fragment in dataset.get_fragments()]
    if folder is not None:
        with suppress(OSError, ValueError):  # the disk is full, permissions are missing, or files changed meanwhile
            return _through_cache(dataset, marks, space, view, folder)
    parts = list(read_fragments(dataset, 0, space, view))
    keys = np.concatenate([np.empty(0, f"S{KEY_BYTES}"), *(part.keys for part in parts)])
    data = np.concatenate([np.empty((0, space.dimension), np.float32), *(part.data for part in parts)])
    return VectorMatrix(keys, data, space.fingerprint)


def _through_cache(dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path) -> VectorMatrix:
    """Extend the cache if it lacks fragments, and map it."""
    manifest = _load_manifest(folder)
    if manifest is None or not _covers(manifest, marks, space.dimension):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            manifest = _load_manifest(folder)  # another reader may have extended the cache meanwhile
            if manifest is None or not _covers(manifest, marks, space.dimension):
                manifest = _extend(dataset, marks, space, view, folder, manifest)
    rows = sum(fragment.rows for fragment in manifest.fragments[: len(marks)])
    return _map(folder, manifest, rows, space)


def _covers(manifest: _Manifest, marks: list[str], dimension: int) -> bool:
    cached = [fragment.mark for fragment in manifest.fragments]
    return manifest.dimension == dimension and cached[: len(marks)] == marks


def _extend(
    dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path, cached: _Manifest | None
) -> _Manifest:
    """Append new fragments; if cached fragments changed, start a new generation."""
    dimension = space.dimension
    cached_marks = [fragment.mark for fragment in cached.fragments] if cached else []
    if cached is None or cached.dimension != dimension or marks[: len(cached_marks)] != cached_marks:
        cached = _Manifest(uuid4().hex[:12], dimension, ())
    fragments = list(cached.fragments)
    new_marks = marks[len(fragments) :]
    _check_room(dataset, folder, cached, dimension)
    with (
        _resume(folder / f"data-{cached.generation}.f32", cached.rows * dimension * 4) as data,
        _resume(folder / f"keys-{cached.generation}.bin", cached.rows * KEY_BYTES) as keys,
    ):
        for mark, part in zip(new_marks, read_fragments(dataset, len(fragments), space, view), strict=True):
            raw = part.keys.tobytes(), part.data.tobytes()
            keys.write(raw[0])
            data.write(raw[1])
            fragments.append(_Fragment(mark, len(part.keys), _sha256(*raw)))
    manifest = _Manifest(cached.generation, dimension, tuple(fragments))
    _save_manifest(folder, manifest)
    _remove_other_generations(folder, cached.generation)
    return manifest


def _sha256(keys: bytes, data: bytes) -> str:
    state = hashlib.sha256(keys)
    state.update(data)
    return state.hexdigest()


def _check_room(dataset: Any, folder: Path, cached: _Manifest, dimension: int) -> None:
    """Delete unused files, and check that the disk has twice the room that the new fragments need.

    Raises:
        OSError: it has not; the vectors are then read into memory.
    """
    current = _load_manifest(folder)
    _remove_other_generations(folder, current.generation if current else cached.generation)
    needed = (dataset.count_rows() - cached.rows) * (dimension * 4 + KEY_BYTES)
    if shutil.disk_usage(folder).free < 2 * needed:
        raise OSError(errno.ENOSPC, "too little room for a cache")


def _remove_other_generations(folder: Path, generation: str) -> None:
    """Delete files of other generations; processes that have mapped one can still read it."""
    for old in folder.iterdir():
        if old.suffix in {".f32", ".bin", ".young"} and not old.stem.endswith(f"-{generation}"):
            old.unlink()


@contextmanager
def _resume(path: Path, size: int) -> Iterator[Any]:
    """Open a file for appending after the first ``size`` bytes; bytes after them, of an interrupted run, are cut."""
    with path.open("r+b" if path.exists() else "w+b") as handle:
        handle.truncate(size)
        handle.seek(size)
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def read_fragments(dataset: Any, skip: int, space: SpaceInfo, view: str) -> Iterator[VectorMatrix]:
    """Yield the vectors of a view by fragment, from fragment ``skip`` on; rows without the view are left out."""
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
    """Return a text that changes if the fragment is rewritten or loses rows."""
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
    """Read the manifest; None if there is none, or its files are shorter than it says."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        fragments = tuple(_Fragment(mark, rows, sha256) for mark, rows, sha256 in raw["fragments"])
        manifest = _Manifest(raw["generation"], raw["dimension"], fragments)
        size = (folder / f"data-{manifest.generation}.f32").stat().st_size
        keys = (folder / f"keys-{manifest.generation}.bin").stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    complete = size >= manifest.rows * manifest.dimension * 4 and keys >= manifest.rows * KEY_BYTES
    return manifest if complete else None


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
