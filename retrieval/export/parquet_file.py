"""Write Parquet files with a column of lists of numbers, in blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.export.columns import PROVENANCE, THUMBNAIL, VECTOR

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.export.rows import ExportRows
    from retrieval.types import Float32, Thumbnails

PICTURES = 1024
"""Thumbnails that are read at one time."""


def write_parquet(
    part: Path, rows: ExportRows, advance: Callable[[int], None], thumbnails: Thumbnails | None = None
) -> None:
    """Write samples with a column ``vector`` of lists of float32, and a column ``thumbnail`` if these are given.

    Args:
        part: path to write to.
        rows: the samples.
        advance: called with numbers of vectors that were written.
        thumbnails: reads thumbnails by key. The column has the fields ``bytes`` and ``path``, as data sets of images
            have it; samples without a thumbnail are null.
    """
    import pyarrow as pa

    fields = [*rows.samples.schema, pa.field(VECTOR, pa.list_(pa.float32()))]
    if thumbnails is not None:
        fields.append(pa.field(THUMBNAIL, pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    schema = pa.schema(fields)
    with parquet_writer(part, schema, rows.provenance_json) as file:
        for start, block in rows.blocks():
            table = rows.samples.slice(start, len(block)).append_column(VECTOR, list_array(block))
            if thumbnails is not None:
                table = table.append_column(THUMBNAIL, _pictures(rows.keys.slice(start, len(block)), thumbnails))
            file.write_table(table.cast(schema), row_group_size=len(block))
            advance(len(block))


def parquet_writer(part: Path, schema: pa.Schema, provenance: str) -> Any:
    """Open a ``pyarrow.parquet.ParquetWriter`` whose file says where its vectors come from.

    Columns of text are written by dictionary; numbers of vectors hardly repeat, and have neither dictionary nor
    statistics.
    """
    import pyarrow as pa
    from pyarrow import parquet

    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    marked = schema.with_metadata({PROVENANCE: provenance})
    plain = [field.name for field in schema if field.name not in {VECTOR, THUMBNAIL}]
    return parquet.ParquetWriter(part, marked, use_dictionary=texts, write_statistics=plain)


def list_array(block: Float32) -> pa.Array:
    """Convert vectors (n, d) to an array of n lists."""
    import pyarrow as pa

    offsets = np.arange(len(block) + 1, dtype=np.int32) * block.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(block.reshape(-1)))


def _pictures(keys: pa.ChunkedArray, thumbnails: Thumbnails) -> pa.Array:
    import pyarrow as pa

    cells: list[dict[str, Any] | None] = []
    for start in range(0, len(keys), PICTURES):
        wanted = keys.slice(start, PICTURES).to_pylist()
        stored = thumbnails(wanted)
        cells += [{"bytes": stored[key], "path": f"{key}.webp"} if key in stored else None for key in wanted]
    return pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
