"""Where the vectors of samples stand in a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Int64, VectorMatrix

if TYPE_CHECKING:
    import pyarrow as pa


def stored_keys(matrix: VectorMatrix) -> pa.Array:
    """The keys of a matrix as an Arrow array."""
    import pyarrow as pa

    return pa.array(matrix.keys.tolist(), pa.binary())


def find_rows(keys: Sequence[str] | pa.Array | pa.ChunkedArray, stored: pa.Array) -> Int64:
    """Position of each key among ``stored``, -1 where it is not there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = keys if isinstance(keys, (pa.Array, pa.ChunkedArray)) else pa.array(list(keys), pa.string())
    found = pc.index_in(wanted.cast(pa.binary()), value_set=stored)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def rows_of(keys: Sequence[str] | pa.Array | pa.ChunkedArray, matrix: VectorMatrix) -> Int64:
    """Row of each key in the matrix, -1 where it has no vector."""
    return find_rows(keys, stored_keys(matrix))
