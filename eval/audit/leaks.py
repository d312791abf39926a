"""The sides of an evaluation: what is learnt from, what is held out, and identities on both. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
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


def learnt_rows(pool: Pool, sets: Iterable[SplitSet]) -> NDArray[np.bool_]:
    """Whether samples (n,) are learnt from: by roles of split sets, or by their splits if no role is train or val."""
    sets = tuple(sets)
    if any(np.isin(part.role, LEARNT).any() for part in sets):
        return rows_of_roles(pool, sets, LEARNT)
    return pool.among("split", *LEARNT) if "split" in pool.columns else np.zeros(len(pool), np.bool_)


def rows_of_roles(pool: Pool, sets: Iterable[SplitSet], roles: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether samples (n,) have one of these roles in a draw of the split sets."""
    mask = np.zeros(len(pool), np.bool_)
    for part in sets:
        rows = pool.rows(part.sample)
        mask[rows[(rows >= 0) & np.isin(part.role, roles)]] = True
    return mask


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


_NO_ROWS: Int64 = np.empty(0, np.int64)


def draw_rows(sets: Iterable[SplitSet], pool: Pool) -> Iterator[tuple[Int64, Int64]]:
    """Yield the rows of queries and of gallery of every draw; samples that are not in the pool are left out."""
    for part in sets:
        at = pool.rows(part.sample)
        in_pool = at >= 0
        for draw in np.unique(part.draw):
            of_draw = in_pool & (part.draw == draw)
            yield at[of_draw & (part.role == "query")], at[of_draw & (part.role == "gallery")]


def _pairs(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.object_]:
    both = np.empty(len(first), np.object_)
    both[:] = [f"{len(str(a))}:{a}{b}" for a, b in zip(first, second, strict=True)]
    return both


def _codes(values: NDArray[np.object_]) -> Int64:
    """Number values as they first occur: (n,)."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
