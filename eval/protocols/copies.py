"""Copies: samples that show the same picture, which an evaluation counts once. Pure functions over columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.seams.samples import shared_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet

IMPORTED = "import:"
"""Beginning of the names of sources whose samples are imported vectors: equal vectors need not be one picture."""


FEWEST_DIMENSIONS = 32
"""Imported vectors of fewer dimensions may well be equal and show different pictures."""


class DistinctPictures(NamedTuple):
    """Samples without the copies of others, and the number of copies by role ("" where samples have none yet).

    ``equal`` is the number of imported samples with the vector of an earlier one, which are no proven copies and stay.
    """

    pool: Pool
    copies: Counter[str]
    equal: int = 0


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
    groups = _shared(pool)
    repeated = np.sort(np.array([row for rows in groups for row in rows], np.int64))
    if not len(repeated):
        return DistinctPictures(pool, Counter())
    part = pool.take(np.isin(np.arange(len(pool)), repeated))
    roles_of = _roles(part, roles, given)
    columns = [part.columns[name] for name in ("key", *names) if name in part.columns]
    kept = np.ones(len(pool), np.bool_)
    seen: set[tuple[object, ...]] = set()
    copies: Counter[str] = Counter()
    equal = 0
    for at, row in enumerate(repeated.tolist()):
        sample_roles = roles_of.get(str(part.ids[at]), ())
        picture = (sample_roles, *(column[at] for column in columns))
        if picture in seen and _is_imported(part.columns["source"][at]):
            equal += 1
        elif picture in seen:
            kept[row] = False
            copies[" and ".join(sorted({role for _, role in sample_roles}))] += 1
        seen.add(picture)
    return DistinctPictures(pool.take(kept), copies, equal)


def shared_pictures(pool: Pool) -> list[list[int]]:
    """List the rows of every picture (content and crop) that several samples show, without imported vectors.

    Args:
        pool: samples with the columns ``key`` and ``source``; without them no picture is shared.
    """
    return [rows for rows in _shared(pool) if not _is_imported(pool.columns["source"][rows[0]])]


def _shared(pool: Pool) -> list[list[int]]:
    """List the rows that share a key, apart for imported vectors and for images."""
    if not {"key", "source"} <= pool.columns.keys():
        return []
    imported = {source: _is_imported(source) for source in set(pool.columns["source"])}
    return [
        rows
        for shared in shared_rows(pool.columns["key"])
        for is_imported in (False, True)
        if len(rows := [row for row in shared if imported[pool.columns["source"][row]] == is_imported]) > 1
    ]


def _is_imported(source: object) -> bool:
    return str(source).startswith(IMPORTED)


def _roles(pool: Pool, column: str | None, given: SplitSet | None) -> dict[str, tuple[tuple[int, str], ...]]:
    """Draws and roles of every sample that has some: those of the split set, else of the column in a single draw."""
    values = np.full(len(pool), None, np.object_) if column is None else pool.columns[column]
    pairs = zip(pool.ids, values, strict=True)
    roles: dict[str, list[tuple[int, str]]] = {str(id_): [(-1, str(role))] for id_, role in pairs if role is not None}
    if given is not None:
        rows = pool.rows(given.sample) >= 0
        members: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for sample, draw, role in zip(given.sample[rows], given.draw[rows].tolist(), given.role[rows], strict=True):
            members[str(sample)].append((draw, str(role)))
        roles |= members
    return {sample: tuple(sorted(of_sample)) for sample, of_sample in roles.items()}


def copies_warning(pictures: DistinctPictures, kind: str, dimension: int) -> tuple[str, ...]:
    """Say how many copies are left out, and how many imported samples have equal vectors.

    Args:
        pictures: what :func:`distinct_pictures` returned.
        kind: what copies have in common beside the picture, such as ``label``.
        dimension: of the vectors.
    """
    sentences = []
    total = pictures.copies.total()
    if total:
        of_roles = ", ".join(f"{count:,} of them {role}" for role, count in sorted(pictures.copies.items()) if role)
        samples, verb = ("samples are copies of others", "are") if total > 1 else ("sample is a copy of another", "is")
        reason = f"the same content, {kind} and role{f'; {of_roles}' if of_roles else ''}"
        sentences.append(f"{total:,} {samples} ({reason}) and {verb} left out: every picture counts once.")
    if pictures.equal and dimension >= FEWEST_DIMENSIONS:
        samples, verb = ("samples have", "count") if pictures.equal > 1 else ("sample has", "counts")
        sentences.append(
            f"{pictures.equal:,} imported {samples} exactly the vector of another one of the same {kind} and role, and "
            f"{verb} beside it: import one picture once."
        )
    return tuple(sentences)
