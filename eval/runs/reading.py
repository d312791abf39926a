"""Reads samples, split sets and vectors of a store for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.audit.duplicates import SpaceVectors
from eval.protocols.held_out import HeldOutSamples
from eval.protocols.split_sets import join_splits, read_splits_csv
from eval.seams.mode import Arrays, Draw, Needs
from eval.seams.samples import Pool, rows_of_ids
from retrieval.encoders.adapter import FAMILY_NAME
from retrieval.errors import IncompleteError, InputError, first_names, unknown
from retrieval.search.vector_rows import rows_of
from retrieval.types import PREPROJ, SplitSet, require_same_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from eval.results.schema import EvalResult
    from retrieval.types import Float32, SpaceInfo, Thumbnails
    from retrieval.types.store import EmbeddingStore, Snapshot

COLUMNS = ("id", "key", "source", "uri", "identity", "aspect", "split")
MIRRORED = {"base": "hflip", "hflip": "base"}
"""View to the view of the mirror image."""


def resolve_split_set(store: EmbeddingStore, name: str) -> str:
    """Find the name of a stored split set from the name or its beginning.

    Raises:
        UnknownNameError: no name matches.
        InputError: several names match.
    """
    names = store.split_sets()
    matches = [name] if name in names else [other for other in names if other.startswith(name)]
    if not matches:
        raise unknown("split set", name, names)
    if len(matches) > 1:
        raise InputError(f"'{name}' may mean {first_names(matches, 6)}; write more of the name.")
    return matches[0]


def find_split_set(store: EmbeddingStore, snapshot: Snapshot, source: str | Path | SplitSet) -> SplitSet:
    """Read a split set.

    Args:
        store: the store of the samples.
        snapshot: a snapshot of it.
        source: a CSV file, or the name of a stored split set or its beginning. A split set is returned unchanged.

    Raises:
        UnknownNameError: the store has no such split set.
        MissingFileError, InputError: the file is missing or cannot be used, or several names match.
    """
    if isinstance(source, SplitSet):
        return source
    path = Path(source)
    is_file = isinstance(source, Path) or path.is_file() or path.suffix.lower() == ".csv"
    if is_file and str(source) not in store.split_sets():
        return read_splits_csv(path, sample_origins(snapshot))
    return store.read_splits(resolve_split_set(store, str(source)))


def stored_draws(store: EmbeddingStore, result: EvalResult) -> SplitSet | None:
    """Find the stored split sets of a result's parts by hash and join them; None if the store lacks one."""
    parts = [part.split_sha256 for part in (result.parts or {}).values()]
    names = {sha: name for name, sha in store.split_sets().items()}
    part_names = [names.get(sha or "") for sha in parts or [result.provenance.split_sha256]]
    stored = [store.read_splits(name) for name in part_names if name is not None]
    return join_splits(stored) if stored and len(stored) == len(part_names) else None


def thumbnail_reader(store: EmbeddingStore) -> Thumbnails:
    """A function that reads the thumbnails of a store by the keys of their samples."""

    def read(keys: Sequence[str]) -> Mapping[str, bytes]:
        with store.snapshot() as snapshot:
            return snapshot.thumbnails(keys)

    return read


def sample_origins(snapshot: Snapshot) -> Pool:
    """Read the ids, sources and uris of all samples."""
    return read_pool(snapshot, ("id", "source", "uri"), None)


def read_again(
    snapshot: Snapshot,
    space: SpaceInfo,
    parts: Mapping[str, SplitSet],
    needs: Needs,
    mirrored: str | None = None,
    names: Callable[[Pool], Pool] = lambda pool: pool,
) -> tuple[Pool, Arrays]:
    """Read the input of a mode for stored split sets.

    Args:
        snapshot: where samples and vectors are.
        space: space of the vectors.
        parts: part name to split set.
        needs: columns, roles and views of the mode.
        mirrored: aspect whose mirror images are compared (:attr:`eval.protocols.base.Protocol.mirrored`).
        names: joins the spellings of names where the evaluation did.

    Returns:
        The samples of the split sets with the columns of ``needs``, and the arrays.

    Raises:
        InputError: a sample of the split sets is not in the store any more.
        IncompleteError: a sample has no vector in the space.
    """
    pool = read_pool(snapshot, COLUMNS, None)
    used = np.unique(np.concatenate([part.sample for part in parts.values()]))
    pool = pool.take(pool.mask(used))
    if len(pool) < len(used):
        raise InputError(
            f"{len(used) - len(pool)} of the {len(used)} samples of this evaluation are not in the store any more; "
            "evaluate again."
        )
    pool = names(with_columns(snapshot, pool, needs.columns))
    return pool, read_arrays(snapshot, space, pool, parts, needs, mirrored)


def read_pool(snapshot: Snapshot, columns: Sequence[str], where: str | None) -> Pool:
    """Read columns of the samples that meet the SQL condition ``where``; None is all samples."""
    return pool_of(snapshot.samples(list(dict.fromkeys(columns)), where))


def pool_of(rows: pa.Table) -> Pool:
    """Convert rows with the column ``id``; equal texts of a column are one object, so that few names take little."""
    values = {name: _objects(rows.column(name)) for name in rows.column_names if name != "id"}
    return Pool(_texts(rows.column("id")), values)


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Values (n,) of a column as Python objects, None where unknown."""
    import pyarrow as pa

    values = np.empty(len(column), np.object_)
    start, shared = 0, dict[str, str]()
    for chunk in _parts(column):
        cells = chunk.to_pylist()
        if pa.types.is_string(column.type):
            if len(shared) > len(cells):  # hardly a name comes twice
                shared = {}
            cells = [None if cell is None else shared.setdefault(cell, cell) for cell in cells]
        values[start : start + len(cells)] = cells
        start += len(cells)
    return values


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """Values (n,) of a column of text without nulls, as wide as the longest."""
    import pyarrow.compute as pc

    texts = np.empty(len(column), f"U{pc.max(pc.utf8_length(column)).as_py() or 1}")
    start = 0
    for chunk in _parts(column):
        texts[start : start + len(chunk)] = chunk.to_pylist()
        start += len(chunk)
    return texts


def _parts(column: pa.ChunkedArray, size: int = 65_536) -> Iterator[pa.ChunkedArray]:
    """Yield parts of a column, so that lists of its cells stay short."""
    for start in range(0, len(column), size):
        yield column.slice(start, size)


def read_arrays(
    snapshot: Snapshot,
    space: SpaceInfo,
    pool: Pool,
    parts: Mapping[str, SplitSet],
    needs: Needs,
    mirrored: str | None = None,
    held_out: Mapping[str, HeldOutSamples] | None = None,
) -> Arrays:
    """Read the vectors and columns of the samples of some split sets, in the order of the data.

    Args:
        snapshot: where samples and vectors are.
        space: space of the vectors.
        pool: samples, among which are those of the split sets.
        parts: part name to split set.
        needs: columns, roles and views of the mode.
        mirrored: aspect whose samples get the vectors of their mirror images in every view.
        held_out: part name to held-out samples, which become roles of every draw.

    Raises:
        IncompleteError: a sample has no vector in the space, or the space lacks a view.
        UnknownNameError: there is no such view or column.
    """
    others = [ids for splits in (held_out or {}).values() for ids in splits.values()]
    used = np.unique(np.concatenate([*(part.sample for part in parts.values()), *others]))
    pool = with_columns(snapshot, pool.take(pool.mask(used)), needs.columns)
    vectors = {view: read_vectors(snapshot, space, view, pool) for view in needs.views}
    if mirrored is not None:
        mirror_rows = pool.among("aspect", mirrored)[:, None]
        mirror_vectors = {
            view: read_vectors(snapshot, space, MIRRORED[view], pool, "mirror=false")
            for view in vectors
            if view in MIRRORED
        }
        vectors = {view: np.where(mirror_rows, mirror_vectors.get(view, data), data) for view, data in vectors.items()}
    columns = {name: pool.columns[name] for name in needs.columns}
    draws = {name: _draws(part, pool.ids, needs, (held_out or {}).get(name, {})) for name, part in parts.items()}
    return Arrays(pool.ids, vectors, columns, draws)


def with_columns(snapshot: Snapshot, pool: Pool, names: Sequence[str]) -> Pool:
    """Add columns to a pool; ``age`` may stand for ``meta_age``.

    Raises:
        UnknownNameError: there is no such column.
    """
    stored = snapshot.column_names("samples")
    columns = {}
    for name in names:
        if name in pool.columns:
            continue
        if name == "id":
            columns[name] = pool.ids.astype(np.object_)
            continue
        column = name if name in stored else f"meta_{name}"
        if column not in stored:
            raise unknown("column of samples", name, stored)
        rows = read_pool(snapshot, ("id", column), None)
        columns[name] = rows.columns[column][rows.rows(pool.ids)]
    return Pool(pool.ids, {**pool.columns, **columns})


def read_vectors(snapshot: Snapshot, space: SpaceInfo, view: str, pool: Pool, without: str = "views=base") -> Float32:
    """Read the vectors (n, d) of the samples of a pool.

    Args:
        snapshot: where the vectors are.
        space: space of the vectors.
        view: view of the images.
        pool: samples with the column ``key``.
        without: option that avoids the view, for the message.

    Raises:
        IncompleteError: the space lacks the view, or samples have no vector in it.
        UnknownNameError: there is no view of this name.
        InputError: the view is for training.
    """
    if view not in space.views and view in MIRRORED:
        raise IncompleteError(
            f"Space {space.name} has no view '{view}'; index the same images again with the views base,hflip, "
            f"or evaluate without it (`{without}`)."
        )
    if view in space.views and view == PREPROJ:
        raise InputError(
            f"The view {PREPROJ} of space {space.name} has the vectors before its projection, for training; evaluate "
            f"the vectors of the space (`{without}`)."
        )
    return read_view(snapshot, space, view, pool)


def read_view(snapshot: Snapshot, space: SpaceInfo, view: str, pool: Pool) -> Float32:
    """Read the vectors (n, d) of the samples of a pool in any view, those for training too.

    Raises:
        IncompleteError: the space lacks the view, or samples have no vector in it.
        UnknownNameError: there is no view of this name.
    """
    if view not in space.views:
        if view == PREPROJ:
            way = f"index the same images again with the views base,{view}"
            if space.imported or space.spec.family == FAMILY_NAME:
                way = f"name a space of an encoder with a projection, indexed with the views base,{view}"
            raise IncompleteError(f"Space {space.name} has no view '{view}'; {way}.")
        raise unknown(f"view in space {space.name}", view, space.views)
    matrix = snapshot.vectors(space, view)
    require_same_space(space, matrix.space, f"View '{view}'")
    rows = rows_of(pool.columns["key"].tolist(), matrix)
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        first = pool.columns["uri"][missing[0]]
        way = "index the same images again, which embeds the missing ones"
        if space.parent is not None:
            way = "refresh it again from its training run, which adds the missing ones"
        if space.imported:
            way = "import vectors of these into the space, too, or leave them out with `where`"
        raise IncompleteError(
            f"{len(missing)} of {len(pool)} samples have no vector in space {space.name} (the first is {first}); {way}."
        )
    if len(rows) and (np.diff(rows) == 1).all():
        return np.asarray(matrix.data[rows[0] : rows[-1] + 1])  # memory-mapped, not copied
    return matrix.data[rows]


def space_vectors(snapshot: Snapshot, space: SpaceInfo, pool: Pool) -> SpaceVectors:
    """Find the vectors of a pool's samples in the first view of a space; some may have none."""
    matrix = snapshot.vectors(space, space.views[0])
    return SpaceVectors(matrix.data, rows_of(pool.columns["key"].tolist(), matrix))


def read_norms(snapshot: Snapshot, space: SpaceInfo, view: str, pool: Pool) -> Float32:
    """Read the lengths (n,) of the vectors of a pool's samples before normalisation.

    All samples must have a vector in the space.
    """
    rows = snapshot.norms(space, view)
    keys = np.array(rows.column("key").to_pylist(), np.str_)
    order = np.argsort(keys)
    pool_keys = pool.columns["key"].astype(np.str_)
    lengths: Float32 = rows.column(f"n_{view}").to_numpy().astype(np.float32)
    return lengths[order[np.searchsorted(keys[order], pool_keys)]]


def _draws(splits: SplitSet, ids: NDArray[np.str_], needs: Needs, held_out: HeldOutSamples) -> tuple[Draw, ...]:
    """Rows of ``ids`` by role, for every draw; held-out samples have the same rows in all draws."""
    rows = rows_of_ids(ids, splits.sample)
    roles = {role: splits.role == role for role in needs.roles}
    others = {name: np.sort(rows_of_ids(ids, samples)) for name, samples in held_out.items()}
    return tuple(
        {role: np.sort(rows[mask & (splits.draw == draw)]) for role, mask in roles.items()} | others
        for draw in np.unique(splits.draw)
    )
