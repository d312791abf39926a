"""Leaks: identities, contents and groups that a split set has on both sides. Pure functions over columns and roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.types import Int64, SplitSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

LEARNT = ("train", "val")
"""Roles and splits on which something is learnt or chosen."""

HELD_OUT = ("test", "query", "gallery")
"""Roles and splits that are evaluated."""


class SharedValues(NamedTuple):
    """Samples on one side that share values with samples on the other.

    ``rows`` (n,) are ascending rows of the pool; ``values`` are sorted.
    """

    rows: Int64
    values: list[str]


def leaks(parts: Mapping[str, SplitSet], pool: Pool, *, groups_meet: bool = True) -> tuple[str, ...]:
    """Describe the leaks of an evaluation in sentences; empty if there are none.

    Three kinds are found: identities that are held out and also learnt from, one picture (``key``: content and crop) as
    query and gallery of one draw, and one ``group`` as query and gallery of one draw. The cost is a few sorts of the
    pool.

    Args:
        parts: per part its draws.
        pool: all samples, with the column ``key``, and ``identity``, ``aspect``, ``group``, ``split``
            where there are such.
        groups_meet: False if the protocol leaves the samples of the query's group out of the gallery.
    """
    sentences = []
    held_out = np.unique(np.concatenate([part.sample[np.isin(part.role, HELD_OUT)] for part in parts.values()]))
    learnt = learnt_rows(pool, parts.values())
    both = shared_identities(pool, learnt, np.isin(pool.ids, held_out) & ~learnt)
    if both.values:
        sentences.append(
            f"{_count(len(both.values), 'identity', 'identities')} evaluated here also "
            f"{'has' if len(both.values) == 1 else 'have'} train or val samples of the same aspect (audit shows them)."
        )
    copies = shared_in_draws(parts.values(), pool, "key")
    if len(copies.rows):
        same = "has" if len(copies.rows) == 1 else "have"
        sentences.append(
            f"{_count(len(copies.rows), 'gallery sample', 'gallery samples')} {same} the same content as a query of "
            "the same draw (audit shows them)."
        )
    bursts = (
        shared_in_draws(parts.values(), pool, "group")
        if groups_meet and "group" in pool.columns
        else SharedValues(_NO_ROWS, [])
    )
    if len(bursts.rows):
        one = "is" if len(bursts.rows) == 1 else "are"
        sentences.append(
            f"{_count(len(bursts.rows), 'gallery sample', 'gallery samples')} {one} of the same group as a query of "
            "the same draw (audit shows them)."
        )
    return tuple(sentences)


def learnt_rows(pool: Pool, sets: Iterable[SplitSet]) -> NDArray[np.bool_]:
    """Whether samples (n,) are learnt from: by roles of split sets, or by their splits if no role is train or val."""
    learnt = [part.sample[np.isin(part.role, LEARNT)] for part in sets]
    samples = np.concatenate(learnt) if learnt else np.empty(0, np.str_)
    if len(samples):
        return np.isin(pool.ids, samples)
    return pool.among("split", *LEARNT) if "split" in pool.columns else np.zeros(len(pool), np.bool_)


def shared_identities(
    pool: Pool, learnt: NDArray[np.bool_], held_out: NDArray[np.bool_], *, any_aspect: bool = False
) -> SharedValues:
    """Find identities on both sides, and their held-out samples.

    An identity is shared if its samples on both sides are of one aspect: protocols on hands divide the identities of
    each aspect separately, so an identity may be learnt as a left hand and tested as a right one. ``any_aspect``
    ignores aspects.

    Args:
        pool: with columns ``identity`` and perhaps ``aspect``.
        learnt: (n,) rows that are learnt from.
        held_out: (n,) rows that are evaluated.
        any_aspect: whether aspects are ignored.
    """
    if "identity" not in pool.columns:
        return SharedValues(_NO_ROWS, [])
    identity = pool.columns["identity"]
    has_identity = pool.known("identity")
    aspect = None if any_aspect else pool.columns.get("aspect")
    codes = _codes(identity) if aspect is None else _codes(_pairs(identity, aspect))
    both = held_out & has_identity & np.isin(codes, codes[learnt & has_identity])
    rows = np.flatnonzero(both)
    return SharedValues(rows, sorted({str(value) for value in identity[rows]}))


def shared_in_draws(sets: Iterable[SplitSet], pool: Pool, column: str) -> SharedValues:
    """Find gallery samples that share a value of ``column`` with another sample that is a query of the same draw.

    Args:
        sets: split sets, each with its draws.
        pool: samples, with the column; None is no value.
        column: its name.
    """
    values = pool.columns[column]
    codes = _codes(values)
    several = np.bincount(codes, minlength=1)[codes] > 1
    several &= pool.known(column)
    rows = [_NO_ROWS]
    if several.any():
        rows += [_gallery_with_query(query, gallery, codes, several) for query, gallery in draw_rows(sets, pool)]
    shared = np.unique(np.concatenate(rows))
    return SharedValues(shared, sorted({str(value) for value in values[shared]}))


_NO_ROWS: Int64 = np.empty(0, np.int64)


def draw_rows(sets: Iterable[SplitSet], pool: Pool) -> Iterator[tuple[Int64, Int64]]:
    """Yield the rows of queries and of gallery of every draw; samples that are not in the pool are left out."""
    for part in sets:
        at = pool.rows(part.sample)
        in_pool = at >= 0
        for draw in np.unique(part.draw):
            of_draw = in_pool & (part.draw == draw)
            yield at[of_draw & (part.role == "query")], at[of_draw & (part.role == "gallery")]


def _gallery_with_query(query: Int64, gallery: Int64, codes: Int64, several: NDArray[np.bool_]) -> Int64:
    """Gallery rows whose number another row has that is a query; a sample in both roles does not count with itself."""
    query, gallery = query[several[query]], gallery[several[gallery]]
    counts = np.bincount(codes[query], minlength=int(codes.max(initial=0)) + 1)
    others = counts[codes[gallery]] - np.isin(gallery, query)
    return gallery[others > 0]


def _pairs(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.object_]:
    both = np.empty(len(first), np.object_)
    both[:] = [f"{len(str(a))}:{a}{b}" for a, b in zip(first, second, strict=True)]
    return both


def _codes(values: NDArray[np.object_]) -> Int64:
    """Number values as they first occur: (n,)."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
