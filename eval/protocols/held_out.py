"""Held-out samples of an evaluation (val, train), on which thresholds and settings are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet

HeldOutSamples: TypeAlias = "Mapping[str, NDArray[np.str_]]"
"""Split (val, train) to the ids of its samples."""


def held_out_samples(pool: Pool, part: SplitSet, given: SplitSet | None, splits: Sequence[str]) -> HeldOutSamples:
    """Find the samples of some splits that have the sources and aspects of a part's samples.

    Args:
        pool: all samples that may take part, with columns source, aspect and split.
        part: split set of the part; its own samples are not held out.
        given: split set of the user, or None. If it has rows of ``splits``, these replace the column ``split``, and
            their draw does not matter.
        splits: names of the splits, such as val and train.
    """
    tested = np.isin(pool.ids, part.sample)
    similar = ~tested
    for column in ("source", "aspect"):
        similar &= pool.among(column, *set(pool.columns[column][tested]))
    if given is not None and np.isin(given.role, splits).any():
        return {name: pool.ids[similar & np.isin(pool.ids, given.sample[given.role == name])] for name in splits}
    return {name: pool.ids[similar & pool.among("split", name)] for name in splits}
