"""Takes val samples out of train: whole identities, or a share of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.protocols.cross_validation import generator, join_groups
from eval.runs.class_roles import take_val
from eval.seams.samples import Pool, shared_rows, text_codes
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import Int64


IMAGES = ("content", "key")
"""Columns by which samples are of one image file, or show one picture."""


def hold_out_identities(pool: Pool, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose identities to hold out, with all of their samples; without identities, groups.

    Identities that share an image are held out together. Those with two samples go first, since others give no query.
    The choice depends on the seed and the order of the samples alone.

    Args:
        pool: the train samples, with the columns identity, group, content and key where known.
        share: share of the identities, at least one.
        seed: seed of the choice.

    Returns:
        (n,) whether a sample is held out.

    Raises:
        InputError: there are no two identities or groups that can be divided.
    """
    column = next((name for name in ("identity", "group") if name in pool.columns and pool.known(name).any()), None)
    if column is None:
        raise InputError(
            "`data.val_identities` needs identities or groups, and the train samples have neither; hold out a share of "
            "every class with `data.val_from=train:0.1`."
        )
    codes = unit_codes(pool, column, IMAGES)
    units, sizes = np.unique(codes[pool.known(column)], return_counts=True)
    if len(units) < 2:
        raise InputError(
            f"`data.val_identities` finds one {column} among the {len(pool):,} train samples (or all of them share "
            "images), so none can be held out; use more, or `data.val_from=train:0.1`."
        )
    order = generator(seed, 0).permutation(len(units))
    order = order[np.argsort(sizes[order] < 2, kind="stable")]
    number = min(max(1, round(share * len(units))), len(units) - 1)
    held: NDArray[np.bool_] = np.isin(codes, units[order[:number]])
    return held


def unit_codes(pool: Pool, column: str, shared: Sequence[str]) -> Int64:
    """Number what may not be divided (n,), in order of first occurrence.

    Args:
        pool: samples.
        column: samples with one value of this column are not divided; a sample without a value is on its own.
        shared: other columns whose values tie samples together, where known.
    """
    codes = text_codes(pool.columns[column])[0]
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    _, first, positions = np.unique(codes, return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))[positions].astype(np.int64)
    names = (name for name in shared if name in pool.columns)
    return join_groups(in_order, [rows for name in names for rows in shared_rows(pool.columns[name])])


def hold_out_share(pool: Pool, target: NDArray[np.object_], val_from: str, seed: int) -> NDArray[np.bool_]:
    """Choose samples of every class to hold out; groups and pictures stay whole.

    Args:
        pool: the train samples, with the columns group, content and key where known.
        target: (n,) their classes.
        val_from: ``train:0.1`` or ``train:1000``.
        seed: seed of the choice.

    Returns:
        (n,) whether a sample is held out.

    Raises:
        InputError: ``val_from`` cannot be read, or train is too small for it.
    """
    units = unit_codes(pool, "key", ("group", *IMAGES))
    groups = np.empty(len(pool), np.object_)
    groups[:] = units.astype(np.str_)
    _, val = take_val(np.arange(len(pool), dtype=np.int64), Pool(pool.ids, {"label": target, "group": groups}),
                      val_from, generator(seed, 0))  # fmt: skip
    mask = np.zeros(len(pool), np.bool_)
    mask[val] = True
    return mask
