"""Find the rows of samples in a matrix of vectors by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Int64, VectorMatrix

if TYPE_CHECKING:
    import pyarrow as pa


def stored_keys(matrix: VectorMatrix) -> pa.Array:
    """Return the keys of a matrix as an Arrow array."""
    import pyarrow as pa

    return pa.array(matrix.keys.tolist(), pa.binary())


def find_rows(keys: Sequence[str] | pa.Array | pa.ChunkedArray, stored: pa.Array) -> Int64:
    """Return the position (n,) of each key in ``stored``, -1 if it is absent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = keys if isinstance(keys, (pa.Array, pa.ChunkedArray)) else pa.array(list(keys), pa.string())
    positions = pc.index_in(array.cast(pa.binary()), value_set=stored)
    return np.asarray(pc.fill_null(positions, -1).to_numpy(), np.int64)


def rows_of(keys: Sequence[str] | pa.Array | pa.ChunkedArray, matrix: VectorMatrix) -> Int64:
    """Return the row (n,) of each key in a matrix, -1 if it has no vector."""
    return find_rows(keys, stored_keys(matrix))
