"""Vectors of length one, and the lengths that they had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError
from retrieval.types import Embeddings, Float32

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT_LENGTH = 0.01
"""Vectors are meant to be of length one, if their lengths differ by no more: half precision keeps three digits."""

ROUNDING = 2e-6
"""Vectors are of length one, if their lengths differ from it by no more; they are stored as they are.

numpy and torch normalise in float32 to within 5e-7 (measured up to 16,384 dimensions), and a plain sum of float32
squares to within 2e-6 (4,096 dimensions); dividing once more would change their last bits, again at every round trip.
An error of this size in a length is as small as that of an inner product in float32. Half precision is off by 6e-5
(512 dimensions) and is normalised.
"""

_WIDE_BYTES = 1 << 22
"""Bytes of vectors that are float64 at one time."""


def unit_vectors(vectors: Float32, lengths: Float32 | None = None) -> Embeddings:
    """L2-normalise vectors (n, d), none zero; those that are of length one (:data:`ROUNDING`) stay as they are.

    Lengths are computed in float64, in blocks of rows.

    Args:
        vectors: (n, d).
        lengths: (n,) lengths of the vectors before they were normalised elsewhere, see :func:`check_lengths`.

    Returns:
        The vectors, and ``lengths``, or else the lengths that they had: exactly one for those that stayed as they are,
        so that ``norms * vectors`` are the vectors that were given.
    """
    out = np.empty_like(vectors, dtype=np.float32)
    norms = np.empty(len(vectors), np.float32)
    for rows, wide in _wide_blocks(vectors):
        measured = np.linalg.norm(wide, axis=1)
        measured[np.abs(measured - 1) <= ROUNDING] = 1
        out[rows] = wide / measured[:, None]
        norms[rows] = measured
    return Embeddings(out, norms if lengths is None else lengths)


def check_lengths(lengths: Float32, vectors: Float32, what: str) -> None:
    """Check lengths that vectors had before they were normalised.

    Args:
        lengths: (n,).
        vectors: (n, d), of length one within :data:`UNIT_LENGTH`.
        what: name of the array or column of the lengths, for messages.

    Raises:
        InputError: a length is no positive number, or a vector is not of length one.
    """
    bad = ~(np.isfinite(lengths) & (lengths > 0))
    if bad.any():
        raise InputError(
            f"Row {int(np.argmax(bad))} (counted from 0) of {what} is no length above zero; correct it, or leave the "
            "lengths out with `vector_length=`."
        )
    for rows, wide in _wide_blocks(vectors):
        measured = np.linalg.norm(wide, axis=1)
        off = np.abs(measured - 1) > UNIT_LENGTH
        if off.any():
            at = int(np.argmax(off))
            raise InputError(
                f"The vector of row {rows.start + at} (counted from 0) has the length {measured[at]:.4g}, but {what} "
                "tells lengths before vectors were made of length one; leave it out with `vector_length=`."
            )


def _wide_blocks(vectors: Float32) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of rows, and their vectors as float64."""
    step = max(1, _WIDE_BYTES // (8 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        rows = slice(start, min(start + step, len(vectors)))
        yield rows, vectors[rows].astype(np.float64)
