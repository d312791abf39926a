"""Samples that thresholds and the like are chosen on: those of other splits than what is tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet

HeldOut: TypeAlias = "Mapping[str, NDArray[np.str_]]"
"""Split (val, train) to sample ids."""


def held_out_samples(pool: Pool, part: SplitSet, given: SplitSet | None, splits: Sequence[str]) -> HeldOut:
    """Find the samples of some splits that are like those of a part: of its sources and its aspects.

    Args:
        pool: all samples that may take part, with columns source, aspect and split.
        part: what is tested; none of its samples is held out.
        given: people's own split set: where it has rows of these splits they count, whatever the draw, instead of the
            samples' own column ``split``.
        splits: names of splits, val and train.
    """
    tested = np.isin(pool.ids, part.sample)
    like = ~tested
    for column in ("source", "aspect"):
        like &= pool.among(column, *set(pool.columns[column][tested]))
    if given is not None and np.isin(given.role, splits).any():
        return {name: pool.ids[like & np.isin(pool.ids, given.sample[given.role == name])] for name in splits}
    return {name: pool.ids[like & pool.among("split", name)] for name in splits}
