"""How the neighbours of samples changed from one space to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.runs.neighbours import NeighbourSearcher
from retrieval.search.vector_rows import rows_of
from training.refresh.report import MovedImage, NeighbourChange
from training.run_samples import RunSamples

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64, SpaceInfo
    from retrieval.types.store import Snapshot

K = 10
"""Neighbours of a sample that are compared."""

SHOWN = 10
"""Samples that moved most, of which the report tells."""

HELD_OUT = ("val", "test", "query", "gallery")


def neighbour_change(
    snapshot: Snapshot,
    before: SpaceInfo,
    after: SpaceInfo,
    ids: Collection[str] | None,
    target: str,
    used: RunSamples = RunSamples(),  # noqa: B008 - it never changes
) -> NeighbourChange | None:
    """Compare the nearest others of every sample in two spaces; None for too few samples.

    Of samples with the same content, the first stands for all.

    Args:
        snapshot: the store.
        before: the old space.
        after: the new one.
        ids: samples to compare. None takes those of the splits val, test, query and gallery, or all if there are none.
        target: column of the names of samples.
        used: samples of the training, whose number among those compared is told.
    """
    columns = list(dict.fromkeys(["id", "key", "uri", "split", target]))
    rows, of = _chosen(snapshot.samples(columns).to_pylist(), ids)
    keys = [row["key"] for row in rows]
    matrices = [snapshot.vectors(space) for space in (before, after)]
    places = [rows_of(keys, matrix) for matrix in matrices]
    both = np.flatnonzero((places[0] >= 0) & (places[1] >= 0))
    k = min(K, (len(both) - 1) // 2)  # of few samples, each is a neighbour of each
    if k < 1:
        return None
    vectors = [
        np.ascontiguousarray(matrix.data[at[both]], np.float32) for matrix, at in zip(matrices, places, strict=True)
    ]
    search = NeighbourSearcher()
    old, new = (search(each_space, k).rows for each_space in vectors)
    kept = _shared(old, new) / k
    order = np.lexsort((_distance_lost(vectors[1], old, new), kept))[: min(SHOWN, int((kept < 1).sum()))]
    chosen = [rows[at] for at in both.tolist()]
    moved = tuple(_moved(int(at), chosen, float(kept[at]), old[at], new[at], target) for at in order)
    trained = sum(row["id"] in used.train or row["id"] in used.val for row in chosen)
    return NeighbourChange(len(both), of, k, float(kept.mean()), moved, trained)


def _chosen(
    rows: Sequence[dict[str, str | None]], ids: Collection[str] | None
) -> tuple[list[dict[str, str | None]], str]:
    """Return the samples to compare, one per key, and what they are called."""
    of = "samples of the evaluation"
    if ids is None:
        held_out = [row for row in rows if row["split"] in HELD_OUT]
        names = ", ".join(name for name in HELD_OUT if any(row["split"] == name for row in held_out))
        of = f"samples of {names}" if held_out else "samples"
        rows = held_out or rows
    else:
        wanted = set(ids)
        rows = [row for row in rows if row["id"] in wanted]
    first: dict[str | None, dict[str, str | None]] = {}
    for row in rows:
        first.setdefault(row["key"], row)
    return list(first.values()), of


def _shared(old: Int64, new: Int64) -> Int64:
    """Return how many of the neighbours (n, k) of every row are in both."""
    both = np.sort(np.concatenate([old, new], axis=1), axis=1)
    counts: Int64 = (both[:, 1:] == both[:, :-1]).sum(axis=1)
    return counts


def _distance_lost(vectors: Float32, old: Int64, new: Int64) -> Float32:
    """Return how much less similar (n,) the old neighbours are in the new space than its own, negative."""
    lost = np.empty(len(vectors), np.float32)
    for at, vector in enumerate(vectors):
        lost[at] = (vectors[old[at]] @ vector).mean() - (vectors[new[at]] @ vector).mean()
    return lost


def _moved(
    at: int, rows: Sequence[dict[str, str | None]], kept: float, old: Int64, new: Int64, target: str
) -> MovedImage:
    def ids(neighbours: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(str(rows[other]["id"]) for other in neighbours.tolist())

    def names(neighbours: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(str(rows[other][target] or "") for other in neighbours.tolist())

    row = rows[at]
    return MovedImage(
        str(row["id"]), str(row["uri"]), str(row[target] or ""), kept, ids(old), ids(new), names(old), names(new)
    )
