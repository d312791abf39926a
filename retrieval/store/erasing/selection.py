"""Choose the samples that a request forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import InputError, UnknownNameError, first_names, suggest, unknown

if TYPE_CHECKING:
    from retrieval.store.erasing.request import ForgetRequest
    from retrieval.store.snapshot import LanceSnapshot

COLUMNS = ("id", "source", "uri", "content", "key", "label", "identity")

MANY_NAMES = 20_000
"""Most paths among which a similar one is looked for; with more it would take seconds."""


def select_samples(snapshot: LanceSnapshot, request: ForgetRequest) -> tuple[pa.Table, pa.Table]:
    """Return the samples that a request chooses, and all others, with :data:`COLUMNS`.

    Raises:
        UnknownNameError: no sample has the identity or id.
        InputError: several samples have the name, or none meets the condition.
    """
    if request.where is not None:
        chosen = set(snapshot.samples(["id"], request.where).column("id").to_pylist())
        if not chosen:
            raise InputError(f"No sample meets '{request.where}'; nothing was forgotten.")
        rows = snapshot.samples(COLUMNS)
    else:
        rows = snapshot.samples(COLUMNS)
        chosen = {sample for name in request.identity for sample in _of_identity(rows, name)}
        chosen |= {_one_sample(snapshot, rows, name) for name in request.id}
    mask = pc.is_in(rows.column("id"), value_set=pa.array(sorted(chosen), pa.string()))
    return rows.filter(mask), rows.filter(pc.invert(mask))


def _of_identity(rows: pa.Table, name: str) -> list[str]:
    ids: list[str] = rows.filter(pc.equal(rows.column("identity"), name)).column("id").to_pylist()
    if not ids:
        raise unknown("identity", name, rows.column("identity").drop_null().unique().to_pylist())
    return ids


def _one_sample(snapshot: LanceSnapshot, rows: pa.Table, name: str) -> str:
    """Find a sample by its id, path, the end of its path, or the unique beginning of its id."""
    masks = (
        pc.equal(rows.column("id"), name),
        pc.equal(rows.column("uri"), name),
        pc.ends_with(rows.column("uri"), f"/{name}"),
        pc.starts_with(rows.column("id"), name),
    )
    for mask in masks:
        matches = rows.filter(mask)
        if matches.num_rows == 1:
            return str(matches.column("id")[0])
        if matches.num_rows:
            ids = first_names(matches.column("id").to_pylist(), 4)
            raise InputError(f"'{name}' may mean {matches.num_rows} samples ({ids}); write more of the id.")
    if (when := snapshot.forgotten().when(name)) is not None:
        raise UnknownNameError(f"Sample '{name}' was forgotten {when}.")
    similar = suggest(name, rows.column("uri").slice(0, MANY_NAMES).to_pylist())
    raise UnknownNameError(f"No sample with id or path '{name}' in the store.{similar}")
