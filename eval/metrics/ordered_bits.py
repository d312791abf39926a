"""Scores as integers in the same order, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGN = np.uint32(1 << 31)


def ordered_bits(scores: Float32) -> NDArray[np.uint32]:
    """Integers that are in the same order as scores, and equal where scores are; none is NaN."""
    bits = (scores + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0, which it equals
    ordered: NDArray[np.uint32] = np.where(bits >= _SIGN, ~bits, bits | _SIGN)
    return ordered


def scores_of_bits(ordered: NDArray[np.uint32]) -> Float32:
    """Scores of the integers of :func:`ordered_bits`."""
    scores: Float32 = np.where(ordered >= _SIGN, ordered ^ _SIGN, ~ordered).view(np.float32)
    return scores
