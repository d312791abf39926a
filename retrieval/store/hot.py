"""The hot matrix: a cache of the vectors of a view in one contiguous, memory-mapped file.

The cache follows the fragments of a vectors table in LanceDB: while the table only grows, only new fragments are read
and appended. Its folder can be deleted at any time; it is then made again, and so is one that differs from its
checksums, is of another layout, or was made for another table.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4
from zlib import crc32

import numpy as np
import pyarrow as pa

from retrieval.errors import StoreError
from retrieval.escapes import printable
from retrieval.store.hot_manifest import (
    KEY_BYTES,
    Fragment,
    Manifest,
    checksums,
    damaged_chunks,
    load_manifest,
    save_manifest,
)
from retrieval.store.lance import lance_errors
from retrieval.store.remedies import remedy
from retrieval.types import SpaceInfo, VectorMatrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Float32

Check: TypeAlias = Callable[[list[str]], None]
"""Called with files of the table, relative to its folder, before they are read; raises an error if one is damaged."""


_CHECKED: set[tuple[object, ...]] = set()
"""States of caches that this process has compared with their checksums."""


def hot_matrix(dataset: Any, space: SpaceInfo, view: str, folder: Path | None, check: Check) -> VectorMatrix:
    """Return all vectors of a view, memory-mapped from the cache.

    Args:
        dataset: the Lance dataset of the space's vectors, at a version.
        space: the space.
        view: the view.
        folder: the cache of this space and view. If it is None or cannot be written, vectors are read into memory.
        check: checks the files of the table that are read.
    """
    marks = fragment_marks(dataset)
    if folder is not None:
        with suppress(OSError, ValueError):  # the disk is full, permissions are missing, or files changed meanwhile
            return _through_cache(dataset, marks, space, view, folder, check)
    parts = list(read_fragments(dataset, space, view, check))
    keys = np.concatenate([np.empty(0, f"S{KEY_BYTES}"), *(part.keys for part in parts)])
    data = np.concatenate([np.empty((0, space.dimension), np.float32), *(part.data for part in parts)])
    return VectorMatrix(keys, data, space.fingerprint)


def _through_cache(
    dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path, check: Check
) -> VectorMatrix:
    """Extend the cache if it lacks fragments, make it again if it is damaged, and map it."""
    manifest, damage = _usable_manifest(folder, space, view, marks)
    if manifest is None or not _covers(manifest, marks, space.dimension):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            manifest, damage = _usable_manifest(folder, space, view)  # another reader may have extended it meanwhile
            if damage:
                _say(f"The cache of vectors of {space.name} ({view}) is damaged ({damage}); it is made again.")
            if manifest is None or not _covers(manifest, marks, space.dimension):
                manifest = _extend(dataset, marks, space, view, folder, manifest, check)
    rows = sum(fragment.rows for fragment in manifest.fragments[: len(marks)])
    return _map(folder, manifest, rows, space)


def _usable_manifest(
    folder: Path, space: SpaceInfo, view: str, marks: list[str] | None = None
) -> tuple[Manifest | None, str]:
    """Return the manifest of a cache that can be used, or None and what is damaged.

    Vectors are compared with their checksums, unless the cache does not cover ``marks``.
    """
    try:
        manifest = load_manifest(folder)
    except ValueError as error:
        return None, str(error)
    if manifest is None or (manifest.space, manifest.view) != (space.fingerprint, view):
        return None, ""
    if marks is not None and not _covers(manifest, marks, space.dimension):
        return None, ""
    state = _state(folder, manifest)
    if state not in _CHECKED and (damaged := damaged_chunks(folder, manifest)):
        return None, f"{damaged[0]} is not as it was written"
    _CHECKED.add(state)
    return manifest, ""


def _state(folder: Path, manifest: Manifest) -> tuple[object, ...]:
    """Return what changes if the files of a cache are written to."""
    stats = [(folder / name).stat() for name in (manifest.keys_file, manifest.data_file)]
    return (folder, manifest, *((stat.st_size, stat.st_mtime_ns) for stat in stats))


def cache_damage(folder: Path) -> str | None:
    """Read a whole cache; return which file is damaged, an empty text if none is, and None if there is no cache."""
    try:
        manifest = load_manifest(folder)
        if manifest is None:
            return None
        damaged = damaged_chunks(folder, manifest, most=None)
    except (OSError, ValueError) as error:
        return str(error)
    return f"{damaged[0]} is not as it was written" if damaged else ""


def _say(message: str) -> None:
    print(printable(message), file=sys.stderr)  # noqa: T201 - the numbers do not change, and the disk may be failing


def _covers(manifest: Manifest, marks: list[str], dimension: int) -> bool:
    cached = [fragment.mark for fragment in manifest.fragments]
    return manifest.dimension == dimension and cached[: len(marks)] == marks


def _extend(
    dataset: Any, marks: list[str], space: SpaceInfo, view: str, folder: Path, cached: Manifest | None, check: Check
) -> Manifest:
    """Append new fragments; if cached fragments changed, start a new generation."""
    dimension = space.dimension
    cached_marks = [fragment.mark for fragment in cached.fragments] if cached else []
    if cached is None or cached.dimension != dimension or marks[: len(cached_marks)] != cached_marks:
        cached = Manifest(space.fingerprint, view, uuid4().hex[:12], dimension, ())
    fragments = list(cached.fragments)
    new_marks = marks[len(fragments) :]
    _check_room(dataset, folder, cached, dimension)
    with (
        _resume(folder / cached.data_file, cached.rows * dimension * 4) as data,
        _resume(folder / cached.keys_file, cached.rows * KEY_BYTES) as keys,
    ):
        parts = _read_fragments(dataset, len(fragments), space, view, check)
        for mark, (part, norms) in zip(new_marks, parts, strict=True):
            key_bytes, vector_bytes = _bytes(part.keys), _bytes(part.data)
            keys.write(key_bytes)
            data.write(vector_bytes)
            sums = checksums(key_bytes), checksums(vector_bytes)
            fragments.append(Fragment(mark, len(part.keys), *sums, (len(norms), crc32(_bytes(norms)))))
    manifest = replace(cached, fragments=tuple(fragments))
    save_manifest(folder, manifest)
    _remove_other_generations(folder, cached.generation)
    return manifest


def _bytes(array: NDArray[Any]) -> memoryview:
    flat = np.ascontiguousarray(array).reshape(-1)
    return memoryview(flat.view(np.uint8).data)


def _check_room(dataset: Any, folder: Path, cached: Manifest, dimension: int) -> None:
    """Delete unused files, and check that the disk has twice the room that the new fragments need.

    Raises:
        OSError: it has not; the vectors are then read into memory.
    """
    current = None
    with suppress(ValueError):
        current = load_manifest(folder)
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


def read_fragments(dataset: Any, space: SpaceInfo, view: str, check: Check) -> Iterator[VectorMatrix]:
    """Yield the vectors of a view by fragment; rows without the view are left out."""
    for part, _ in _read_fragments(dataset, 0, space, view, check):
        yield part


def _read_fragments(
    dataset: Any, skip: int, space: SpaceInfo, view: str, check: Check
) -> Iterator[tuple[VectorMatrix, Float32]]:
    """Yield the vectors of a view by fragment, from fragment ``skip`` on, and their lengths before normalisation."""
    for fragment in dataset.get_fragments()[skip:]:
        check([f"data/{file.path}" for file in fragment.metadata.files])
        with lance_errors(partial(_unreadable, dataset.uri)):
            table = fragment.to_table(columns=["key", f"v_{view}", f"n_{view}"], filter=f"v_{view} IS NOT NULL")
        keys = np.array(table.column("key").to_pylist(), dtype=f"S{KEY_BYTES}")
        column = table.column(f"v_{view}").combine_chunks()
        values = column.flatten() if isinstance(column, pa.FixedSizeListArray) else pa.array([], pa.float32())
        data = values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, space.dimension)
        yield VectorMatrix(keys, data, space.fingerprint), present_norms(table, view)


def present_norms(table: pa.Table, view: str) -> Float32:
    """Return the lengths of a view, without rows that have none."""
    norms: Float32 = table.column(f"n_{view}").drop_null().to_numpy().astype(np.float32)
    return norms


def require_norms(dataset: Any, folder: Path | None, view: str, table: pa.Table) -> None:
    """Compare lengths of vectors with the checksums in the cache, if it covers the fragments of the table.

    Vectors are read before their lengths; without a cache, that has checked the files with both.

    Args:
        dataset: the Lance dataset of the space's vectors, at a version.
        folder: the cache of this space and view.
        view: the view.
        table: all rows of the dataset, with the lengths of the view.

    Raises:
        StoreError: the lengths are not those that were stored.
    """
    manifest = None
    if folder is not None:
        with suppress(OSError, ValueError):
            manifest = load_manifest(folder)
    marks = fragment_marks(dataset)
    if manifest is None or not _covers(manifest, marks, manifest.dimension):
        return
    norms, start = present_norms(table, view), 0
    for fragment in manifest.fragments[: len(marks)]:
        count, checksum = fragment.norms
        if crc32(_bytes(norms[start : start + count])) != checksum:
            raise StoreError(f"{dataset.uri}: lengths of vectors are not as they were written; {remedy('vectors_')}.")
        start += count
    if start != len(norms):
        raise StoreError(f"{dataset.uri}: lengths of vectors are not as they were written; {remedy('vectors_')}.")


def _unreadable(uri: str, said: str) -> StoreError:
    return StoreError(f"{uri}: a file of vectors cannot be read ({said}); {remedy('vectors_')}.")


def fragment_marks(dataset: Any) -> list[str]:
    """Return the marks of all fragments, in order."""
    return [_mark(fragment) for fragment in dataset.get_fragments()]


def _mark(fragment: Any) -> str:
    """Return a text that changes if the fragment is rewritten or loses rows."""
    meta = fragment.metadata
    files = ",".join(data_file.path for data_file in meta.files)
    deleted = meta.deletion_file.json() if meta.deletion_file is not None else ""
    return f"{meta.id}:{files}:{deleted}"


def _map(folder: Path, manifest: Manifest, rows: int, space: SpaceInfo) -> VectorMatrix:
    if rows == 0:
        return VectorMatrix(
            np.empty(0, f"S{KEY_BYTES}"), np.empty((0, manifest.dimension), np.float32), space.fingerprint
        )
    keys = np.memmap(folder / manifest.keys_file, dtype=f"S{KEY_BYTES}", mode="r", shape=(rows,))
    shape = (rows, manifest.dimension)
    data = np.memmap(folder / manifest.data_file, dtype=np.float32, mode="r", shape=shape)
    return VectorMatrix(keys, data, space.fingerprint)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import fcntl

    with (folder / "lock").open("a") as handle:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
        yield
