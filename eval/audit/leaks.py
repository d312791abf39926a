"""Leaks: what a split set lets an evaluation see twice. Pure functions over sample columns and roles."""

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
"""Roles and splits that something is learnt or chosen on."""

HELD_OUT = ("test", "query", "gallery")


class SharedValues(NamedTuple):
    """Samples that meet in one draw by a value they share: ``rows`` of the pool, and the ``values`` they share.

    ``rows`` (n,) ascending; ``values`` are sorted.
    """

    rows: Int64
    values: list[str]


def leaks(parts: Mapping[str, SplitSet], pool: Pool, *, groups_meet: bool = True) -> tuple[str, ...]:
    """Say in sentences what is not clean about the draws of an evaluation; nothing where they are.

    Three things are looked for, each with the columns that say it: identities held out and also learnt from, the same
    picture (``key``: content and crop) as query and gallery of one draw, one ``group`` as query and gallery of one
    draw. The cost is a few sorts of the pool.

    Args:
        parts: per part its draws.
        pool: all samples in order of id, with the column ``key``, and ``identity``, ``aspect``, ``group``, ``split``
            where there are such.
        groups_meet: False where the protocol takes images of the query's own group out of the gallery.
    """
    found = []
    held_out = np.unique(np.concatenate([part.sample[np.isin(part.role, HELD_OUT)] for part in parts.values()]))
    learnt = learnt_rows(pool, parts.values())
    both = shared_identities(pool, learnt, np.isin(pool.ids, held_out) & ~learnt)
    if both.values:
        found.append(
            f"{_count(len(both.values), 'identity', 'identities')} evaluated here also "
            f"{'has' if len(both.values) == 1 else 'have'} train or val images of the same aspect (audit shows them)."
        )
    copies = shared_in_draws(parts.values(), pool, "key")
    if len(copies.rows):
        same = "has" if len(copies.rows) == 1 else "have"
        found.append(
            f"{_count(len(copies.rows), 'gallery image', 'gallery images')} {same} the same content as a query of the "
            "same draw (audit shows them)."
        )
    bursts = (
        shared_in_draws(parts.values(), pool, "group")
        if groups_meet and "group" in pool.columns
        else SharedValues(_NONE, [])
    )
    if len(bursts.rows):
        one = "is" if len(bursts.rows) == 1 else "are"
        found.append(
            f"{_count(len(bursts.rows), 'gallery image', 'gallery images')} {one} of the same group as a query of the "
            "same draw (audit shows them)."
        )
    return tuple(found)


def learnt_rows(pool: Pool, sets: Iterable[SplitSet]) -> NDArray[np.bool_]:
    """Where samples are learnt from: by role train or val in a split set that has such, else by their own split."""
    named = [part.sample[np.isin(part.role, LEARNT)] for part in sets]
    samples = np.concatenate(named) if named else np.empty(0, np.str_)
    if len(samples):
        return np.isin(pool.ids, samples)
    return pool.among("split", *LEARNT) if "split" in pool.columns else np.zeros(len(pool), np.bool_)


def shared_identities(
    pool: Pool, learnt: NDArray[np.bool_], held_out: NDArray[np.bool_], *, any_aspect: bool = False
) -> SharedValues:
    """Find identities on both sides, and their held-out samples.

    An identity counts within its aspect: protocols on hands divide the people of each aspect apart, and a person
    may be learnt as a left hand and tested as a right one; ``any_aspect`` counts these too.

    Args:
        pool: with columns ``identity`` and perhaps ``aspect``.
        learnt: (n,) rows that are learnt from.
        held_out: (n,) rows that are evaluated.
        any_aspect: whether aspects are told apart.
    """
    if "identity" not in pool.columns:
        return SharedValues(_NONE, [])
    identity = pool.columns["identity"]
    known = pool.known("identity")
    aspect = None if any_aspect else pool.columns.get("aspect")
    codes = _codes(identity) if aspect is None else _codes(_pairs(identity, aspect))
    both = held_out & known & np.isin(codes, codes[learnt & known])
    rows = np.flatnonzero(both)
    return SharedValues(rows, sorted({str(value) for value in identity[rows]}))


def shared_in_draws(sets: Iterable[SplitSet], pool: Pool, column: str) -> SharedValues:
    """Find gallery samples that share a value of ``column`` with another sample that is a query of the same draw.

    Args:
        sets: split sets, whose draws are looked at one by one.
        pool: samples in order of id, with the column; None is shared with nothing.
        column: its name.
    """
    values = pool.columns[column]
    codes = _codes(values)
    several = np.bincount(codes, minlength=1)[codes] > 1
    several &= pool.known(column)
    rows = [_NONE]
    if several.any():
        rows += [_gallery_with_query(query, gallery, codes, several) for query, gallery in draw_rows(sets, pool)]
    found = np.unique(np.concatenate(rows))
    return SharedValues(found, sorted({str(value) for value in values[found]}))


_NONE: Int64 = np.empty(0, np.int64)


def draw_rows(sets: Iterable[SplitSet], pool: Pool) -> Iterator[tuple[Int64, Int64]]:
    """Rows of queries and gallery of every draw; samples that the pool lacks are left out."""
    for part in sets:
        at = np.searchsorted(pool.ids, part.sample)
        there = pool.ids[np.minimum(at, len(pool) - 1)] == part.sample
        for draw in np.unique(part.draw):
            mine = there & (part.draw == draw)
            yield at[mine & (part.role == "query")], at[mine & (part.role == "gallery")]


def _gallery_with_query(query: Int64, gallery: Int64, codes: Int64, several: NDArray[np.bool_]) -> Int64:
    """Gallery rows whose code another row has that is a query; a sample in both roles does not meet itself."""
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
