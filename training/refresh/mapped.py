"""Fill the space of a linear adapter by one matrix product per view: no image is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.crops import FULL_VIEW
from retrieval.encoders.adapter import mapped_vectors
from retrieval.errors import InputError, unknown
from retrieval.search.vector_rows import rows_of
from retrieval.types import Embeddings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.encoders.adapter import Adapter
    from retrieval.types import EncoderSpec, SpaceInfo, VectorMatrix
    from retrieval.types.store import Snapshot, StoreWriter

VIEWS = ("base", "hflip", FULL_VIEW)
"""Views of which each has a counterpart in the space of an adapter."""

ROWS = 65_536
"""Vectors that are mapped, compared and written at a time."""


class MappedVectors(NamedTuple):
    """The space of an adapter, and numbers of vectors.

    ``added``, ``replaced`` because the parent's vector gives another now, ``unchanged``, and ``lacking`` because the
    parent lacks a view of them.
    """

    space: SpaceInfo
    added: int
    replaced: int
    unchanged: int
    lacking: int


def map_space(
    writer: StoreWriter, adapter: Adapter, spec: EncoderSpec, parent: SpaceInfo, views: Sequence[str] | None
) -> MappedVectors:
    """Write the vectors of an adapter's space that it lacks, or that its parent's vectors do not give any more.

    Args:
        writer: writer of the store; the caller commits.
        adapter: the adapter.
        spec: its spec.
        parent: the space whose vectors it maps.
        views: views to map; None for all that both may have.

    Raises:
        UnknownNameError: the parent has no such view.
        InputError: the parent has no vectors.
        WeightsError: the matrix does not fit the vectors.
    """
    snapshot = writer.snapshot
    before = next((space for space in snapshot.spaces if space.fingerprint == spec.fingerprint), None)
    sources = _sources(adapter, parent, views, before.views if before else ())
    matrices = {view: snapshot.vectors(parent, source) for view, source in sources.items()}
    keys, places = _common_keys(matrices)
    if not keys:
        raise InputError(f"Space {parent.name} has no vectors to map.")
    # The matrix in the store maps the parent's vectors (decision 14), which one of another view does not.
    matrix = adapter.matrix if adapter.view == "base" else None
    space = writer.register_space(
        spec, len(adapter.matrix), tuple(sources), parent=parent.fingerprint, matrix=matrix, state="filling"
    )
    stored = {} if before is None else {view: snapshot.vectors(before, view) for view in before.views}
    present = set().union(*(matrix.keys.tolist() for matrix in stored.values())) if stored else set()
    lengths = {view: _lengths(snapshot, parent, source, keys) for view, source in sources.items()}
    counts = np.zeros(3, np.int64)
    for start in range(0, len(keys), ROWS):
        part = keys[start : start + ROWS]
        mapped = {
            view: mapped_vectors(
                Embeddings(matrices[view].data[rows[start : start + ROWS]], lengths[view][start : start + ROWS]),
                adapter.matrix,
            )
            for view, rows in places.items()
        }
        is_stored = np.array([key.encode() in present for key in part], bool)
        same = _equal(part, mapped, stored)
        for chosen, write in ((~is_stored, writer.append_vectors), (is_stored & ~same, writer.replace_vectors)):
            at = np.flatnonzero(chosen)
            write(space, [part[row] for row in at.tolist()], _rows(mapped, at))
        counts += [(~is_stored).sum(), (is_stored & ~same).sum(), same.sum()]
    added, replaced, unchanged = counts.tolist()
    return MappedVectors(space, added, replaced, unchanged, parent.rows - len(keys))


def _sources(adapter: Adapter, parent: SpaceInfo, views: Sequence[str] | None, stored: Sequence[str]) -> dict[str, str]:
    """Map each view of the adapter's space, ``stored`` or wanted, to the view of the parent that becomes it."""
    if adapter.view != "base":  # such as the vectors before a projection, which only the image itself has
        wanted = {"base": adapter.view}
    else:
        names = [view for view in VIEWS if view in parent.views] if views is None else views
        wanted = {view: view for view in dict.fromkeys(("base", *names, *stored))}
    for view in wanted.values():
        if view not in parent.views:
            raise unknown(f"view in space {parent.name}", view, parent.views)
    return wanted


def _lengths(snapshot: Snapshot, space: SpaceInfo, view: str, keys: Sequence[str]) -> NDArray[np.float32]:
    """Return the lengths (n,) of the vectors of n keys before normalisation."""
    table = snapshot.norms(space, view)
    stored = np.array(table.column("key").to_pylist(), np.str_)
    order = np.argsort(stored)
    lengths: NDArray[np.float32] = table.column(f"n_{view}").to_numpy().astype(np.float32)
    return lengths[order[np.searchsorted(stored[order], np.array(keys, np.str_))]]


def _common_keys(matrices: Mapping[str, VectorMatrix]) -> tuple[list[str], dict[str, NDArray[np.int64]]]:
    """Return the keys that all matrices have, and their rows in each."""
    first = next(iter(matrices.values()))
    keys = [bytes(key).decode() for key in first.keys.tolist()]
    rows = {view: rows_of(keys, matrix) for view, matrix in matrices.items()}
    chosen = np.flatnonzero(np.all([places_of >= 0 for places_of in rows.values()], axis=0))
    return [keys[row] for row in chosen.tolist()], {view: places[chosen] for view, places in rows.items()}


def _equal(
    keys: Sequence[str], mapped: Mapping[str, Embeddings], stored: Mapping[str, VectorMatrix]
) -> NDArray[np.bool_]:
    """Return whether the stored vectors (n,) of all views are the mapped ones."""
    same = np.full(len(keys), set(mapped) <= set(stored))
    for view in set(mapped) & set(stored):
        rows = rows_of(keys, stored[view])
        at = np.flatnonzero(same & (rows >= 0))
        same &= rows >= 0
        same[at] = (stored[view].data[rows[at]] == mapped[view].vectors[at]).all(axis=1)
    return same


def _rows(mapped: Mapping[str, Embeddings], at: NDArray[np.int64]) -> dict[str, Embeddings]:
    return {view: Embeddings(vectors[at], norms[at]) for view, (vectors, norms) in mapped.items()}
