"""Finds what is on two sides of a training: copies, near copies, groups and identities."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.checks import NAMES, DataRoles, SplitMasks
from eval.audit.crossings import MOST_COMPARISONS
from eval.audit.leaks import shared_identities
from eval.audit.near import comparisons, near_pairs
from eval.seams.samples import Pool, text_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.audit.duplicates import SpaceVectors
    from training.data.sample_roles import SampleRoles

SAME = ("key", "content")
"""Columns by which samples are copies: one crop, or one image file."""


def copies_of(pool: Pool, rows: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether samples of ``rows`` (n,) show the same picture, or are of the same image file, as one of ``others``."""
    mask = np.zeros(len(pool), np.bool_)
    at = np.flatnonzero(rows)
    for name in SAME:
        if name in pool.columns:
            values = {value for value in pool.columns[name][others] if value is not None}
            mask[at] |= np.fromiter((value in values for value in pool.columns[name][at]), np.bool_, len(at))
    return mask


class NearCopies(NamedTuple):
    """Whether a sample is nearly a copy of one on the other side (n,); ``searched``: whether they were looked for."""

    rows: NDArray[np.bool_]
    searched: bool = True


def near_copies_of(
    pool: Pool, rows: NDArray[np.bool_], others: NDArray[np.bool_], vectors: SpaceVectors | None
) -> NearCopies:
    """Find the samples that are nearly copies of one on the other side, by perceptual hash and vector.

    Pairs of different labels or identities are none: they make no result look better.

    Args:
        pool: samples with the column key and, where known, phash, label and identity.
        rows: (n,) samples that may be near copies.
        others: (n,) samples on the other side.
        vectors: of all samples, by which near copies are told from other pictures with similar hashes.
    """
    near = np.zeros(len(pool), np.bool_)
    if "phash" not in pool.columns or not (rows.any() and others.any()):
        return NearCopies(near)
    if vectors is None or comparisons(pool, vectors) > MOST_COMPARISONS:
        return NearCopies(near, False)
    sides = DataRoles(rows, others, (), splits=(SplitMasks(rows, np.zeros_like(rows), others),))
    pairs = near_pairs(pool, vectors, roles=sides)
    alike = np.ones(len(pairs.first), np.bool_)
    for name in (name for name in NAMES if name in pool.columns):
        codes = text_codes(pool.columns[name])[0]
        first, second = codes[pairs.first], codes[pairs.second]
        alike &= (first < 0) | (second < 0) | (first == second)
    for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
        near[one[alike & rows[one] & others[other]]] = True
    return NearCopies(near)


def crossing_notes(pool: Pool, roles: SampleRoles) -> tuple[str, ...]:
    """Say which groups and identities have samples on two sides; they stay where they are.

    Args:
        pool: all samples, with the columns group, identity and aspect where known.
        roles: of these samples, without copies.
    """
    learnt, notes = roles.train | roles.val, []
    for first, second, words in (
        (learnt, roles.evaluated, "train or val and in test, query or gallery"),
        (roles.train, roles.val, "train and in val"),
    ):
        shared = _shared_values(pool, "group", first, second)
        if shared:
            groups = "group has" if shared == 1 else "groups have"
            notes.append(f"{shared:,} {groups} samples in {words}: a burst on both sides makes results look better.")
    same = shared_identities(pool, learnt, roles.evaluated).values
    other = set(shared_identities(pool, learnt, roles.evaluated, any_aspect=True).values) - set(same)
    for values, words in ((same, ""), (other, " under another aspect")):
        if values:
            identities = "identity is" if len(values) == 1 else "identities are"
            notes.append(f"{len(values):,} {identities} both trained on and evaluated{words} (first {min(values)}).")
    return tuple(notes)


def _shared_values(pool: Pool, column: str, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> int:
    """Count the values of a column that samples of both masks have."""
    if column not in pool.columns:
        return 0
    values = pool.columns[column]
    return len({*values[first]} & {*values[second]} - {None})
