"""Copies: samples that show the same picture, which an evaluation counts once. Pure functions over columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet

IMPORTED = "import:"
"""Beginning of the names of sources whose samples are imported vectors: equal vectors need not be one picture."""


class DistinctPictures(NamedTuple):
    """Samples without the copies of others, and the number of copies by role ("" where samples have none yet)."""

    pool: Pool
    copies: Counter[str]


def ranked_pictures(pool: Pool, given: SplitSet | None = None) -> DistinctPictures:
    """Leave out copies of one identity, aspect, camera and role; see :func:`distinct_pictures`."""
    return distinct_pictures(pool, ("identity", "aspect", "camera"), roles="split", given=given)


def classified_pictures(pool: Pool, *, drawn: bool, given: SplitSet | None = None) -> DistinctPictures:
    """Leave out copies of one label and role, of any role if roles are still to be ``drawn``."""
    return distinct_pictures(pool, ("label", "aspect"), roles=None if drawn else "split", given=given)


def distinct_pictures(
    pool: Pool, names: Sequence[str], *, roles: str | None = None, given: SplitSet | None = None
) -> DistinctPictures:
    """Leave out samples that copy an earlier one: the same content and crop, under the same names and in one role.

    Copies under different names stay, since one of the names is wrong; so do copies in different roles, which
    are leaks. Both are found by an audit.

    Args:
        pool: samples with the columns ``key`` and ``source``.
        names: columns that copies must agree in, such as the label.
        roles: column of the roles; None if roles are still to be drawn.
        given: split set of the user, whose roles count instead.
    """
    groups = shared_pictures(pool)
    repeated = np.sort(np.array([row for rows in groups for row in rows], np.int64))
    if not len(repeated):
        return DistinctPictures(pool, Counter())
    part = pool.take(np.isin(np.arange(len(pool)), repeated))
    roles_of = _roles(part, roles, given)
    columns = [part.columns[name] for name in ("key", *names) if name in part.columns]
    kept = np.ones(len(pool), np.bool_)
    seen: set[tuple[object, ...]] = set()
    copies: Counter[str] = Counter()
    for at, row in enumerate(repeated.tolist()):
        sample_roles = roles_of.get(str(part.ids[at]), ())
        picture = (sample_roles, *(column[at] for column in columns))
        if picture in seen:
            kept[row] = False
            copies[" and ".join(sorted({role for _, role in sample_roles}))] += 1
        seen.add(picture)
    return DistinctPictures(pool.take(kept), copies)


def shared_pictures(pool: Pool) -> list[list[int]]:
    """List the rows of every picture (content and crop) that several samples show, without imported vectors.

    Args:
        pool: samples with the columns ``key`` and ``source``; without them no picture is shared.
    """
    if not {"key", "source"} <= pool.columns.keys():
        return []
    rows: dict[object, list[int]] = defaultdict(list)
    for row, (key, source) in enumerate(zip(pool.columns["key"], pool.columns["source"], strict=True)):
        if key is not None and not str(source).startswith(IMPORTED):
            rows[key].append(row)
    return [shared for shared in rows.values() if len(shared) > 1]


def _roles(pool: Pool, column: str | None, given: SplitSet | None) -> dict[str, tuple[tuple[int, str], ...]]:
    """Draws and roles of every sample that has some: those of the split set, else of the column in a single draw."""
    values = np.full(len(pool), None, np.object_) if column is None else pool.columns[column]
    pairs = zip(pool.ids, values, strict=True)
    roles: dict[str, list[tuple[int, str]]] = {str(id_): [(-1, str(role))] for id_, role in pairs if role is not None}
    if given is not None:
        rows = np.isin(given.sample, pool.ids)
        members: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for sample, draw, role in zip(given.sample[rows], given.draw[rows].tolist(), given.role[rows], strict=True):
            members[str(sample)].append((draw, str(role)))
        roles |= members
    return {sample: tuple(sorted(of_sample)) for sample, of_sample in roles.items()}


def copies_warning(copies: Counter[str], kind: str) -> tuple[str, ...]:
    """Say how many copies are left out; empty if none is.

    Args:
        copies: their number by role (:func:`distinct_pictures`).
        kind: what copies have in common beside the picture, such as ``label``.
    """
    total = copies.total()
    if not total:
        return ()
    of_roles = ", ".join(f"{count:,} of them {role}" for role, count in sorted(copies.items()) if role)
    samples = "sample is a copy of another" if total == 1 else "samples are copies of others"
    reason = f"the same content, {kind} and role{f'; {of_roles}' if of_roles else ''}"
    sentence = (
        f"{total:,} {samples} ({reason}) and {'is' if total == 1 else 'are'} left out: every picture counts once."
    )
    return (sentence,)
