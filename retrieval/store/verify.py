"""Checks over a whole store: what must be true of it, whatever happened while it was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import StoreError
from retrieval.store.schema import vectors_table

if TYPE_CHECKING:
    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import Float32, SpaceInfo

Text: TypeAlias = NDArray[np.str_]

UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, whether it found something wrong, and the numbers."""

    check: str
    wrong: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def verify(snapshot: LanceSnapshot) -> list[Finding]:
    """Check a snapshot: tables open, samples unique, spaces registered, vectors finite and of length one."""
    try:
        findings = [_samples(snapshot), _registered(snapshot)]
        for space in snapshot.spaces:
            findings += _space(snapshot, space)
    except StoreError as error:
        return [Finding("tables", wrong=True, detail=str(error))]
    return findings


def _samples(snapshot: LanceSnapshot) -> Finding:
    rows = snapshot.samples(["id", "key", "source"])
    twice = rows.num_rows - len(rows.column("id").unique())
    empty = rows.column("key").null_count
    detail = f"{rows.num_rows:,} samples, {twice} of them twice, {empty} without content"
    return Finding("samples", wrong=bool(twice or empty), detail=detail)


def _registered(snapshot: LanceSnapshot) -> Finding:
    known = {vectors_table(space.fingerprint) for space in snapshot.spaces}
    have = {name for name in snapshot.commit.tables if name.startswith("vectors_")}
    changed = [space.name for space in snapshot.spaces if space.spec.fingerprint != space.fingerprint]
    strays, empty = len(have - known), len(known - have)
    detail = f"{len(known)} spaces; vectors without a space: {strays}; spaces without vectors: {empty}"
    if changed:
        detail += f"; fingerprint does not match the recorded encoder: {', '.join(changed)}"
    return Finding("spaces", wrong=have != known or bool(changed), detail=detail)


def _space(snapshot: LanceSnapshot, space: SpaceInfo) -> list[Finding]:
    rows = snapshot.samples(["key", "source"])
    keys = np.array(rows.column("key").to_pylist(), dtype=np.str_)
    sources = np.array(rows.column("source").to_pylist(), dtype=np.str_)
    return [_view(snapshot, space, view, keys, sources) for view in space.views]


def _view(snapshot: LanceSnapshot, space: SpaceInfo, view: str, keys: Text, sources: Text) -> Finding:
    """Check one view against the table itself, not its cache; ``keys`` and ``sources`` are of all samples."""
    parts = [np.empty(0, np.str_)]
    not_finite = not_unit = 0
    for part in snapshot.vector_parts(space, view):
        parts.append(part.keys.astype(np.str_))
        bad = _count_bad(part.data)
        not_finite, not_unit = not_finite + bad[0], not_unit + bad[1]
    stored = np.concatenate(parts)
    unique = np.unique(stored)
    has = np.isin(keys, unique)
    lacking = int((~has & np.isin(sources, np.unique(sources[has]))).sum())  # of sources that are in this space
    twice, unused = len(stored) - len(unique), int((~np.isin(unique, keys)).sum())
    detail = (
        f"{len(stored):,} vectors, {not_finite} not finite, {not_unit} not of length one, {twice} twice, "
        f"{lacking} samples without a vector, {unused} vectors no sample uses"
    )
    return Finding(f"{space.name} {view}", wrong=bool(twice or not_finite or not_unit or lacking), detail=detail)


def _count_bad(data: Float32) -> tuple[int, int]:
    """How many rows are not finite, and how many of the others are not of length one."""
    lengths = np.linalg.norm(data, axis=1)
    finite = np.isfinite(lengths)
    return int((~finite).sum()), int((np.abs(lengths[finite] - 1) > UNIT_TOLERANCE).sum())
