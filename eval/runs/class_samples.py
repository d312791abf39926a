"""Which samples a classification may be made of: those of sources with vectors, and of a split set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.runs.reading import read_pool
from eval.seams.samples import Pool
from retrieval.errors import IncompleteError, InputError, unknown
from retrieval.search.vector_rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import SpaceInfo, SplitSet
    from retrieval.types.store import Snapshot

COLUMNS = ("id", "key", "source", "uri", "label", "group", "aspect", "split")


def labelled_pool(
    snapshot: Snapshot, spaces: Sequence[SpaceInfo], where: str | None, target: str = "label", given: str | None = None
) -> Pool:
    """Samples, some of them labelled, of sources that have vectors in every space.

    Args:
        snapshot: what is read.
        spaces: of the arms.
        where: condition that samples meet.
        target: the column that is classified; the pool has it as ``label``.
        given: a column that is known of samples; the pool has it as ``given``.

    Raises:
        InputError: there are none, or none has a label.
        IncompleteError: no sample has vectors in all spaces.
        UnknownNameError: there is no such column.
    """
    have = snapshot.column_names("samples")
    named = {"label": _column(target, have), **({} if given is None else {"given": _column(given, have)})}
    wanted = dict.fromkeys([*(column for column in COLUMNS if column in have), *named.values()])
    read = read_pool(snapshot, tuple(wanted), where)
    pool = Pool(read.ids, {**read.columns, **{name: _texts(read.columns[column]) for name, column in named.items()}})
    if not len(pool):
        raise InputError("The store has no samples." if where is None else f"No sample meets `where` '{where}'.")
    pool = _of_these_spaces(snapshot, pool, spaces, where)
    if not pool.known("label").any():
        raise InputError(
            f"None of these samples has a {target}; index with a source that gives labels, such as folder or a "
            "manifest that names their column."
        )
    return pool


def _column(name: str, have: Sequence[str]) -> str:
    """The column of samples that a name means: ``age`` may stand for ``meta_age``."""
    column = name if name in have else f"meta_{name}"
    if column not in have:
        names = have if name.startswith("meta_") else {stored.removeprefix("meta_") for stored in have}
        raise unknown("column of samples", name, names)
    return column


def _texts(values: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([None if value is None else str(value) for value in values], dtype=np.object_)


def of_split_set(snapshot: Snapshot, pool: Pool, given: SplitSet, where: str | None) -> Pool:
    """The samples of a split set; those that do not meet ``where`` are left out.

    Raises:
        InputError: some are not in the store any more, or none is left.
        IncompleteError: some are of a source that has no vectors in a space.
    """
    wanted = np.unique(given.sample)
    stored = read_pool(snapshot, ("id",), None).ids
    gone = int((~np.isin(wanted, stored)).sum())
    if gone:
        raise InputError(
            f"{gone} of the {len(wanted)} samples of split set {given.name} are not in the store any more; evaluate "
            "with `protocol` to draw again."
        )
    meeting = wanted if where is None else np.intersect1d(wanted, read_pool(snapshot, ("id",), where).ids)
    kept = pool.take(np.isin(pool.ids, meeting))
    if not len(kept):
        raise InputError(f"No sample of split set {given.name} meets `where` '{where}'.")
    if len(kept) < len(meeting):
        raise IncompleteError(
            f"{len(meeting) - len(kept)} of the {len(meeting)} samples of split set {given.name} are of sources "
            "without vectors in one of the spaces; index them first, or leave them out with `where`."
        )
    return kept


def _of_these_spaces(snapshot: Snapshot, pool: Pool, spaces: Sequence[SpaceInfo], where: str | None) -> Pool:
    """Leave out sources that have no vector at all in one of the spaces, whatever ``where`` says."""
    everything = pool if where is None else read_pool(snapshot, ("id", "key", "source"), None)
    keys = everything.columns["key"].tolist()
    sources = everything.columns["source"]
    there = set(sources)
    for space in spaces:
        found = rows_of(keys, snapshot.vectors(space, space.views[0])) >= 0
        there &= set(sources[found])
    kept = pool.take(pool.among("source", *there))
    if not len(kept):
        names = " and ".join(dict.fromkeys(space.name for space in spaces))
        raise IncompleteError(
            f"No source has vectors in {names}; index the same images in each (vectors of a file join "
            "indexed images when they are attached)."
        )
    return kept
