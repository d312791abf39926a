"""Selects the samples of a classification: those of sources with vectors, and of a split set."""

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

COLUMNS = ("id", "key", "source", "uri", "label", "group", "aspect", "split", "phash", "identity")


def labelled_pool(
    snapshot: Snapshot, spaces: Sequence[SpaceInfo], where: str | None, target: str = "label", given: str | None = None
) -> Pool:
    """Read the samples of the sources that have vectors in every space. Some samples may lack a label.

    Args:
        snapshot: where samples and vectors are.
        spaces: spaces of the arms.
        where: SQL condition over the columns of samples; None is all samples.
        target: column that is classified; its name in the pool is ``label``.
        given: column that restricts the classes of a sample; its name in the pool is ``given``.

    Raises:
        InputError: there are no samples, or none has a label.
        IncompleteError: no sample has vectors in all spaces.
        UnknownNameError: there is no such column.
    """
    stored = snapshot.column_names("samples")
    named = {"label": _column(target, stored), **({} if given is None else {"given": _column(given, stored)})}
    columns = dict.fromkeys([*(column for column in COLUMNS if column in stored), *named.values()])
    pool = read_pool(snapshot, tuple(columns), where)
    pool = Pool(pool.ids, {**pool.columns, **{name: _texts(pool.columns[column]) for name, column in named.items()}})
    if not len(pool):
        raise InputError("The store has no samples." if where is None else f"No sample meets `where` '{where}'.")
    pool = _with_vectors(snapshot, pool, spaces, where)
    if not pool.known("label").any():
        raise InputError(
            f"None of these samples has a {target}; index with a source that gives labels, such as folder or a "
            "manifest that names their column."
        )
    return pool


def _column(name: str, columns: Sequence[str]) -> str:
    """Find a column of samples by its name; ``age`` may stand for ``meta_age``."""
    column = name if name in columns else f"meta_{name}"
    if column not in columns:
        names = columns if name.startswith("meta_") else {stored.removeprefix("meta_") for stored in columns}
        raise unknown("column of samples", name, names)
    return column


def _texts(values: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([None if value is None else str(value) for value in values], dtype=np.object_)


def split_set_samples(snapshot: Snapshot, pool: Pool, splits: SplitSet, where: str | None) -> Pool:
    """Select the samples of a split set that meet ``where``.

    Args:
        snapshot: where all samples are.
        pool: samples of sources with vectors that meet ``where``.
        splits: the split set.
        where: SQL condition over the columns of samples; None is all samples.

    Raises:
        InputError: the store lacks a sample of the split set, or none is left.
        IncompleteError: samples are of a source without vectors in a space.
    """
    members = np.unique(splits.sample)
    stored = read_pool(snapshot, ("id",), None).ids
    missing = int((~np.isin(members, stored)).sum())
    if missing:
        raise InputError(
            f"{missing} of the {len(members)} samples of split set {splits.name} are not in the store any more; "
            "evaluate with `protocol` to draw again."
        )
    selected = members if where is None else np.intersect1d(members, read_pool(snapshot, ("id",), where).ids)
    samples = pool.take(pool.mask(selected))
    if not len(samples):
        raise InputError(f"No sample of split set {splits.name} meets `where` '{where}'.")
    if len(samples) < len(selected):
        raise IncompleteError(
            f"{len(selected) - len(samples)} of the {len(selected)} samples of split set {splits.name} are of sources "
            "without vectors in one of the spaces; index them first, or leave them out with `where`."
        )
    return samples


def _with_vectors(snapshot: Snapshot, pool: Pool, spaces: Sequence[SpaceInfo], where: str | None) -> Pool:
    """Leave out sources that have no vector in one of the spaces, whether or not their samples meet ``where``."""
    everything = pool if where is None else read_pool(snapshot, ("id", "key", "source"), None)
    keys = everything.columns["key"].tolist()
    sources = everything.columns["source"]
    complete = set(sources)
    for space in spaces:
        has_vector = rows_of(keys, snapshot.vectors(space, space.views[0])) >= 0
        complete &= set(sources[has_vector])
    samples = pool.take(pool.among("source", *complete))
    if not len(samples):
        names = " and ".join(dict.fromkeys(space.name for space in spaces))
        raise IncompleteError(
            f"No source has vectors in {names}; index the same images in each (vectors of a file join "
            "indexed images when they are attached)."
        )
    return samples
