"""Check the integrity of a store: files, samples, spaces, vectors and the cache of vectors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import StoreError
from retrieval.store.digests import damaged_files
from retrieval.store.lance import is_remote
from retrieval.store.schema import vectors_table

if TYPE_CHECKING:
    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import Float32, SpaceInfo

Text: TypeAlias = NDArray[np.str_]

UNIT_TOLERANCE = 1e-3
SHOWN = 3


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """Result of one check: whether it failed, and its numbers as a sentence."""

    check: str
    wrong: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return asdict(self)


def verify(snapshot: LanceSnapshot) -> list[StoreFinding]:
    """Check the files, tables and cache of a snapshot.

    Samples without a vector in a space are counted but not wrong, because they may still be indexed there. Samples
    without a vector in any space are wrong.
    """
    findings = [_files(snapshot)]
    try:
        findings += [_samples(snapshot), _registered(snapshot)]
        rows = snapshot.samples(["key", "source"])
        keys = np.array(rows.column("key").to_pylist(), dtype=np.str_)
        sources = np.array(rows.column("source").to_pylist(), dtype=np.str_)
        has_any = np.zeros(len(keys), bool)
        for space in snapshot.spaces:
            for view in space.views:
                finding, has = _view(snapshot, space, view, keys, sources)
                findings.append(finding)
                has_any |= has
    except StoreError as error:
        return [*findings, StoreFinding("tables", wrong=True, detail=str(error))]
    lost = int((~has_any).sum())
    findings.append(StoreFinding("coverage", wrong=lost > 0, detail=f"{lost} samples without a vector in any space"))
    return findings


def _files(snapshot: LanceSnapshot) -> StoreFinding:
    """Compare every file of the commit with its digest."""
    files = snapshot.commit.files
    total = sum(len(paths) for paths in files.values())
    if is_remote(snapshot.uri):
        return StoreFinding("files", wrong=False, detail=f"{total} files, not read: they lie on object storage")
    missing, changed = damaged_files(snapshot.uri, files)
    detail = f"{total} files, {len(missing)} missing, {len(changed)} not as they were written"
    if missing or changed:
        shown = [*missing, *changed]
        more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        detail += f" ({', '.join(shown[:SHOWN])}{more}); restore them from a copy, or index into a new store"
    return StoreFinding("files", wrong=bool(missing or changed), detail=detail)


def _samples(snapshot: LanceSnapshot) -> StoreFinding:
    rows = snapshot.samples(["id", "key", "source"])
    twice = rows.num_rows - len(rows.column("id").unique())
    empty = rows.column("key").null_count
    detail = f"{rows.num_rows:,} samples, {twice} of them twice, {empty} without content"
    return StoreFinding("samples", wrong=bool(twice or empty), detail=detail)


def _registered(snapshot: LanceSnapshot) -> StoreFinding:
    """Check that spaces and tables of vectors belong together."""
    expected = {vectors_table(space.fingerprint) for space in snapshot.spaces}
    existing = {name for name in snapshot.commit.tables if name.startswith("vectors_")}
    changed = [space.name for space in snapshot.spaces if space.spec.fingerprint != space.fingerprint]
    unregistered, empty = len(existing - expected), len(expected - existing)
    detail = f"{len(expected)} spaces; vectors without a space: {unregistered}; spaces without vectors: {empty}"
    if changed:
        detail += f"; fingerprint does not match the recorded encoder: {', '.join(changed)}"
    return StoreFinding("spaces", wrong=existing != expected or bool(changed), detail=detail)


def _view(
    snapshot: LanceSnapshot, space: SpaceInfo, view: str, keys: Text, sources: Text
) -> tuple[StoreFinding, NDArray[np.bool_]]:
    """Check the vectors of a view.

    Args:
        snapshot: the version of the store.
        space: the space.
        view: the view.
        keys: (n,) keys of all samples.
        sources: (n,) their sources.

    Returns:
        The finding, and (n,) whether each sample has a vector.
    """
    parts = [np.empty(0, np.str_)]
    not_finite = not_unit = stale = 0
    cached, start = snapshot.vectors(space, view), 0
    for part in snapshot.vector_parts(space, view):
        parts.append(part.keys.astype(np.str_))
        bad = _count_bad(part.data)
        not_finite, not_unit = not_finite + bad[0], not_unit + bad[1]
        stop = start + len(part.keys)
        same = np.array_equal(cached.keys[start:stop], part.keys)
        stale += not (same and np.array_equal(cached.data[start:stop], part.data, equal_nan=True))
        start = stop
    lengths = snapshot.norms(space, view).column(f"n_{view}").drop_null().to_numpy()
    no_length = int((~(np.isfinite(lengths) & (lengths > 0))).sum())
    stored = np.concatenate(parts)
    unique = np.unique(stored)
    has = np.isin(keys, unique)
    lacking = int((~has & np.isin(sources, np.unique(sources[has]))).sum())  # of sources that are in this space
    twice, unused = len(stored) - len(unique), int((~np.isin(unique, keys)).sum())
    detail = (
        f"{len(stored):,} vectors, {not_finite} not finite, {not_unit} not of length one, {no_length} whose length "
        f"before was not kept, {twice} twice; {unused} no sample uses, {lacking} samples still to be embedded"
    )
    if stale:
        detail += "; the cache differs from the table: delete the folder 'cache' in the store"
    wrong = bool(twice or not_finite or not_unit or no_length or stale)
    return StoreFinding(f"{space.name} {view}", wrong=wrong, detail=detail), has


def _count_bad(data: Float32) -> tuple[int, int]:
    """Return the number of rows that are not finite, and of finite rows whose length is not one."""
    lengths = np.linalg.norm(data, axis=1)
    finite = np.isfinite(lengths)
    return int((~finite).sum()), int((np.abs(lengths[finite] - 1) > UNIT_TOLERANCE).sum())
