"""An inverted file of Lance over vectors, in a dataset of its own (docs/decisions/0020)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from retrieval.errors import StoreError
from retrieval.store.lance import lance_errors, open_dataset, write_dataset

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64

COLUMN = "vector"

BLOCK_ROWS = 16_384
"""Vectors that are written at one time."""


def write_lance_index(
    path: Path, data: Float32, centres: Float32, advance: Callable[[int], None] = lambda _: None
) -> None:
    """Write vectors in half precision, with an inverted file of them.

    Args:
        path: folder of the dataset, which does not exist.
        data: (n, d).
        centres: (c, d), the centres of the cells.
        advance: receives numbers of written vectors.

    Raises:
        StoreError: it cannot be written.
    """
    schema = pa.schema([pa.field(COLUMN, pa.list_(pa.float16(), data.shape[1]))])
    dataset = write_dataset(path, _batches(data, schema, advance), schema, len(data))
    with lance_errors(partial(_not_written, path)):
        dataset.create_index(
            COLUMN,
            "IVF_FLAT",
            metric="dot",
            num_partitions=len(centres),
            ivf_centroids=centres.astype(np.float16),  # without centres, Lance draws others each time
        )


def _batches(data: Float32, schema: pa.Schema, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(data), BLOCK_ROWS):
        block = np.ascontiguousarray(data[start : start + BLOCK_ROWS], np.float16)
        column = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), data.shape[1])
        yield pa.record_batch([column], schema=schema)
        advance(len(block))


def _not_written(path: Path, said: str) -> StoreError:
    return StoreError(f"{path}: cannot be written ({said}); make room on the disk.")


def lance_candidates(path: Path, rows: int, n_probed: int) -> Callable[[Float32, int], Int64]:
    """Open a dataset of :func:`write_lance_index`, and return its search function.

    Args:
        path: folder of the dataset.
        rows: number of its vectors.
        n_probed: number of cells that a query is compared with.

    Raises:
        StoreError: it cannot be read; the search function raises it too.
    """
    dataset = open_dataset(path)
    if dataset.count_rows() != rows:
        raise StoreError(f"{path}: has {dataset.count_rows():,} vectors instead of {rows:,}.")

    def search(queries: Float32, width: int) -> Int64:
        candidates = np.full((len(queries), width), -1, np.int64)
        with lance_errors(lambda said: StoreError(f"{path}: cannot be read ({said}).")):
            for at, query in enumerate(queries):
                nearest = _nearest(dataset, query, min(width, rows), n_probed)
                candidates[at, : len(nearest)] = nearest
        return candidates

    return search


def _nearest(dataset: Any, query: Float32, k: int, n_probed: int) -> Int64:
    """Return the rows of the nearest vectors; in a dataset of one fragment, row ids count from 0."""
    request = {"column": COLUMN, "q": query.astype(np.float16), "k": k, "nprobes": n_probed}
    table = dataset.to_table(columns=["_distance"], nearest=request, with_row_id=True)
    return np.asarray(table.column("_rowid").to_numpy(), np.int64)
