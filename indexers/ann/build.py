"""Build, compare and save an approximate index over the vectors of a space."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from indexers.ann.measure import measure
from indexers.ann.request import AnnReport, AnnRequest
from retrieval.errors import InputError, StoreError, VitrineError
from retrieval.progress import progress
from retrieval.search.ann_kinds import AnnKind, find_kind
from retrieval.search.exact import FEW, ExactIndex
from retrieval.search.saved_index import open_index
from retrieval.search.vector_rows import rows_of
from retrieval.store.ann_files import AnnRecord, ann_files, damaged_ann_file, load_ann, remove_ann, save_ann, sweep_ann
from retrieval.store.commits import now
from retrieval.store.open import LanceStore, open_store
from retrieval.store.sizes import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from retrieval.types import Int64, SpaceInfo, VectorMatrix
    from retrieval.types.store import AnnPlace, Snapshot


def build_ann(request: AnnRequest, store: str | Path | LanceStore) -> AnnReport:
    """Build an index and save it in the store, in the place of one that is there.

    An index of the same vectors, kind and building options is not built again; it is measured with the new options of
    search. The lock of the store is held, so that vectors neither change nor are deleted meanwhile.

    Raises:
        InputError: there are too few vectors, or an option cannot be used.
        UnknownNameError: the kind, the space or the view does not exist.
        MissingFileError, StoreError: there is no store, or the index cannot be written.
        StoreLockedError: another process writes to the store.
    """
    kind = find_kind(request.kind)
    options = kind.options.read(request.options, f"options of {request.kind}")
    opened = open_store(store)
    with opened.locked(request.wait), opened.snapshot() as snapshot:
        space = snapshot.space(request.space)
        matrix = snapshot.vectors(space, request.view)
        _require_enough(space, request.view, len(matrix.data))
        place = snapshot.ann_place(space, request.view)
        assert place is not None  # noqa: S101 - a store that can be locked has a folder
        parameters = {**kind.parameters(options, len(matrix.data)), "seed": request.seed}
        start = time.perf_counter()
        record = _reusable(place, request.kind, kind, parameters)
        if record is not None:
            record = replace(record, parameters=parameters, store_version=snapshot.store_version)
            return _finish(request, snapshot, matrix, place, record, None)
        with _new_generation(place, kind.size(len(matrix.data), matrix.data.shape[1], parameters)) as generation:
            with progress(f"{request.kind} index of {space.name}", len(matrix.data), quiet=request.quiet) as shown:
                kind.build(generation, matrix.data, parameters, shown.advance)
            seconds = time.perf_counter() - start
            record = _record(request, snapshot, matrix, place, generation, parameters)
            return _finish(request, snapshot, matrix, place, record, seconds)


def _finish(
    request: AnnRequest,
    snapshot: Snapshot,
    matrix: VectorMatrix,
    place: AnnPlace,
    record: AnnRecord,
    seconds: float | None,
) -> AnnReport:
    """Measure an index, opened as searches open it, and save its record; ``seconds`` is None if it was not built."""
    index = open_index(place.folder, record, matrix.data)
    identity = _identity_codes(snapshot, matrix)
    measured = measure(index, ExactIndex(matrix.data), matrix.data, identity, request.seed)
    record = replace(record, measured=measured)
    save_ann(place.folder, record)
    space = snapshot.space(matrix.space).name
    return AnnReport(space, record, seconds is not None, seconds or 0.0)


def _identity_codes(snapshot: Snapshot, matrix: VectorMatrix) -> Int64:
    """Return a code (n,) of the identity of each vector's first sample, -1 where it is unknown."""
    samples = snapshot.samples(["key", "identity"])
    rows = rows_of(samples.column("key"), matrix)
    names = samples.column("identity").combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    codes = np.full(len(matrix.data), -1, np.int64)
    has_vector = np.flatnonzero(rows >= 0)[::-1]  # so that the first sample of a vector is written last
    codes[rows[has_vector]] = names[has_vector]
    return codes


def drop_ann(store: str | Path | LanceStore, space: str | None = None, wait: float = 0.0) -> list[str]:
    """Delete the saved indexes of a space, of all its views.

    Args:
        store: the store, or its folder.
        space: the space; not needed if the store has one.
        wait: seconds to wait for another writer of the store.

    Returns:
        The name of the space, and those of the deleted folders.

    Raises:
        InputError: the space has no saved index.
        UnknownNameError: the space does not exist.
        StoreLockedError: another process writes to the store.
    """
    opened = open_store(store)
    with opened.locked(wait) as folder, opened.snapshot() as snapshot:
        info = snapshot.space(space)
        removed = remove_ann(folder, info.fingerprint)
    if not removed:
        raise InputError(f"Space {info.name} has no saved index to drop.")
    return [info.name, *removed]


def _require_enough(space: SpaceInfo, view: str, rows: int) -> None:
    if rows < FEW:
        have = f"{rows:,} vectors" if rows else "no vectors"
        raise InputError(
            f"Space {space.name} has {have} of view {view}, and an approximate index needs {FEW:,} at least: an exact "
            "search of fewer takes no time."
        )


def _record_of(place: AnnPlace) -> AnnRecord | None:
    """Return the record of the saved index, None if there is none that can be read."""
    with suppress(StoreError):
        return load_ann(place.folder)
    return None


def _reusable(place: AnnPlace, name: str, kind: AnnKind, parameters: Mapping[str, int]) -> AnnRecord | None:
    """Return the saved index if another build would make the same one."""
    record = _record_of(place)
    if record is None or (record.kind, record.vectors) != (name, place.mark):
        return None
    building = (name for name in parameters if name not in kind.searching)
    if any(record.parameters.get(name) != parameters[name] for name in building):
        return None
    return None if damaged_ann_file(place.folder, record) else record


@contextmanager
def _new_generation(place: AnnPlace, needed: int) -> Iterator[Path]:
    """Make a folder for the files of an index, which is deleted if the block raises an exception.

    Raises:
        StoreError: the disk has too little room, or a file cannot be written.
    """
    sweep_ann(place.folder, _record_of(place))  # what killed builds left
    folder = place.folder / uuid4().hex[:12]
    try:
        folder.mkdir(parents=True)
        _require_room(place.folder, needed)
        yield folder
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are in there
            place.folder.rmdir()
            place.folder.parent.rmdir()
        if isinstance(error, OSError) and not isinstance(error, VitrineError):
            raise _no_room(place.folder, error.strerror or str(error)) from None
        raise


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise _no_room(folder, f"it needs about {human_bytes(needed)}, and {human_bytes(free)} are free")


def _no_room(folder: Path, reason: str) -> StoreError:
    return StoreError(
        f"{folder}: the index cannot be written ({reason}); make room on the disk and run 'index-ann' again. An index "
        "that was there is as before."
    )


def _record(
    request: AnnRequest,
    snapshot: Snapshot,
    matrix: VectorMatrix,
    place: AnnPlace,
    generation: Path,
    parameters: Mapping[str, int],
) -> AnnRecord:
    return AnnRecord(
        space=matrix.space,
        view=request.view,
        kind=request.kind,
        rows=len(matrix.data),
        dimension=matrix.data.shape[1],
        vectors=place.mark,
        parameters=parameters,
        generation=generation.name,
        files=ann_files(generation),
        measured={},
        created=now(),
        store_version=snapshot.store_version,
    )
