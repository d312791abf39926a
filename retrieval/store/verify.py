"""Check the integrity of a store: files, samples, spaces, vectors, the cache of vectors, and records."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import StoreError
from retrieval.store.ann_info import check_ann
from retrieval.store.digests import damaged_files
from retrieval.store.erasing.verify_forgotten import unfinished, verify_forgotten
from retrieval.store.findings import StoreFinding
from retrieval.store.lance import is_remote
from retrieval.store.remedies import CACHE
from retrieval.store.schema import vectors_table
from retrieval.store.spaces import default_space, parent_name, space_of
from retrieval.store.verify_records import check_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from retrieval.store.digests import DamagedFile
    from retrieval.store.open import LanceStore
    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import Float32, SpaceInfo

Text: TypeAlias = NDArray[np.str_]

UNIT_TOLERANCE = 1e-3


def verify_store(store: LanceStore, *, repair: bool = False) -> list[StoreFinding]:
    """Verify the last version of a store, after taking out what is damaged if ``repair`` is true."""
    findings = [StoreFinding("repair", wrong=False, detail=line) for line in store.repair()] if repair else []
    with store.snapshot() as snapshot:
        return [*findings, *verify(snapshot)]


def verify_names(store: LanceStore, names: Sequence[str], *, quiet: bool = False) -> list[StoreFinding]:
    """Search a store for names of what was forgotten; see :func:`.erasing.verify_forgotten.verify_forgotten`."""
    with store.snapshot() as snapshot:
        return verify_forgotten(snapshot, names, quiet=quiet)


def verify(snapshot: LanceSnapshot) -> list[StoreFinding]:
    """Read everything in a snapshot and in the tables of banks, split sets and results, and compare it with digests.

    Each damaged file and each damaged row is a finding of its own, which says what to do. Samples without a vector in
    a space are counted but not wrong, because they may still be indexed there. Samples without a vector in any space
    are wrong.
    """
    damage = [] if is_remote(snapshot.uri) else list(damaged_files(snapshot.uri, snapshot.commit.files))
    findings = [*_files(snapshot, damage), *check_records(snapshot.tables)]
    if not is_remote(snapshot.uri):
        findings += unfinished(Path(snapshot.uri))
    damaged_tables = {file.table for file in damage}
    if damaged_tables & {"samples", "spaces"}:
        names = " and ".join(sorted(damaged_tables & {"samples", "spaces"}))
        return [*findings, StoreFinding("contents", wrong=True, detail=f"not checked, because {names} cannot be read")]
    try:
        return [*findings, *_contents(snapshot, damaged_tables)]
    except StoreError as error:
        return [*findings, StoreFinding("tables", wrong=True, detail=str(error))]


def _files(snapshot: LanceSnapshot, damage: list[DamagedFile]) -> Iterator[StoreFinding]:
    """Report the files of the commit; one finding for each that is damaged."""
    total = sum(len(paths) for paths in snapshot.commit.files.values())
    if is_remote(snapshot.uri):
        detail = f"{total} files, not read: they lie on object storage; verify a local copy"
        yield StoreFinding("files", wrong=False, detail=detail)
    elif not damage:
        yield StoreFinding("files", wrong=False, detail=f"{total} files, all as they were written")
    names = _table_names(snapshot) if damage else {}
    for file in damage:
        name = names.get(file.table, file.table)
        yield StoreFinding(f"file of {name}", wrong=True, detail=f"{file}; {file.way_out}")


def _table_names(snapshot: LanceSnapshot) -> dict[str, str]:
    """Map tables of vectors to the names of their spaces, as far as these can be read."""
    with suppress(StoreError):
        rows = snapshot.read("spaces").to_pylist()
        return {vectors_table(row["fingerprint"]): f"vectors of {row['name']}" for row in rows}
    return {}


def _contents(snapshot: LanceSnapshot, damaged_tables: Collection[str]) -> Iterator[StoreFinding]:
    """Check samples, spaces and the vectors of spaces whose files are not damaged."""
    registered = [space_of(row) for row in snapshot.read("spaces").to_pylist()]
    registered.sort(key=lambda space: (space.created, space.name))
    yield from (_samples(snapshot), _registered(snapshot, registered))
    rows = snapshot.samples(["key", "source"])
    keys = np.array(rows.column("key").to_pylist(), dtype=np.str_)
    sources = np.array(rows.column("source").to_pylist(), dtype=np.str_)
    has_any = np.zeros(len(keys), bool)
    spaces = [space for space in registered if vectors_table(space.fingerprint) not in damaged_tables]
    for space in spaces:
        for view in space.views:
            finding, has = _view(snapshot, space, view, keys, sources)
            yield finding
            yield from _cache(snapshot, space, view)
            has_any |= has
    yield from check_ann(snapshot, registered, damaged_tables)
    lost = int((~has_any).sum())
    if len(spaces) == len(registered):
        detail = f"{lost} samples without a vector in any space"
        yield StoreFinding("coverage", wrong=lost > 0, detail=f"{detail}; 'index' them again" if lost else detail)


def _cache(snapshot: LanceSnapshot, space: SpaceInfo, view: str) -> Iterator[StoreFinding]:
    """Check all chunks of a cache against their checksums; a space has none before its vectors are first read."""
    damage = snapshot.cache_damage(space, view)
    if damage is not None:
        detail = f"{damage}: {CACHE}" if damage else "as it was written"
        yield StoreFinding(f"cache of {space.name} {view}", wrong=bool(damage), detail=detail)


def _samples(snapshot: LanceSnapshot) -> StoreFinding:
    rows = snapshot.samples(["id", "key", "source"])
    twice = rows.num_rows - len(rows.column("id").unique())
    empty = rows.column("key").null_count
    detail = f"{rows.num_rows:,} samples, {twice} of them twice, {empty} without content"
    return StoreFinding("samples", wrong=bool(twice or empty), detail=detail)


def _registered(snapshot: LanceSnapshot, spaces: Sequence[SpaceInfo]) -> StoreFinding:
    """Check that spaces and tables of vectors belong together."""
    expected = {vectors_table(space.fingerprint) for space in spaces}
    existing = {name for name in snapshot.commit.tables if name.startswith("vectors_")}
    changed = [space.name for space in spaces if space.spec.fingerprint != space.fingerprint]
    unregistered, empty = len(existing - expected), len(expected - existing)
    detail = f"{len(expected)} spaces; vectors without a space: {unregistered}; spaces without vectors: {empty}"
    for state, names in _states(spaces).items():
        detail += f"; {state}: {', '.join(names)}"
    if changed:
        detail += f"; fingerprint does not match the recorded encoder: {', '.join(changed)}"
    return StoreFinding("spaces", wrong=existing != expected or bool(changed), detail=detail)


def _states(spaces: Sequence[SpaceInfo]) -> dict[str, list[str]]:
    """Return names of spaces that are still filled, of that which was made the default, and of those with a parent."""
    promoted = default_space(spaces)
    return {
        state: names
        for state, names in {
            "still filling": [space.name for space in spaces if space.state == "filling"],
            "default": [promoted.name] if promoted is not None and promoted.promoted else [],
            "made from another": [f"{s.name} from {parent_name(spaces, s)}" for s in spaces if s.parent is not None],
        }.items()
        if names
    }


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
    not_finite = not_unit = 0
    for part in snapshot.vector_parts(space, view):
        parts.append(part.keys.astype(np.str_))
        bad = _count_bad(part.data)
        not_finite, not_unit = not_finite + bad[0], not_unit + bad[1]
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
    wrong = bool(twice or not_finite or not_unit or no_length)
    return StoreFinding(f"{space.name} {view}", wrong=wrong, detail=detail), has


def _count_bad(data: Float32) -> tuple[int, int]:
    """Return the number of rows that are not finite, and of finite rows whose length is not one."""
    lengths = np.linalg.norm(data, axis=1)
    finite = np.isfinite(lengths)
    return int((~finite).sum()), int((np.abs(lengths[finite] - 1) > UNIT_TOLERANCE).sum())
