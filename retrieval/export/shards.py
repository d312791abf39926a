"""Write a folder as clip-retrieval has it: ``img_emb/img_emb_0.npy`` and ``metadata/metadata_0.parquet``, in shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.export.columns import FILEPATH, IMAGE_PATH, IMG_EMB, METADATA
from retrieval.export.npz_file import counted, write_npy
from retrieval.export.parquet_file import parquet_writer

if TYPE_CHECKING:
    from retrieval.export.rows import ExportRows

SHARD_ROWS = 1_000_000
"""Rows of a shard, as clip-retrieval has them unless it is told otherwise."""


def write_shards(part: Path, rows: ExportRows, advance: Callable[[int], None], shard_rows: int = SHARD_ROWS) -> None:
    """Write vectors as float32 in ``.npy`` files, and the columns of samples beside them; paths are ``image_path``.

    Args:
        part: the folder to write to, which does not exist.
        rows: the samples.
        advance: called with numbers of vectors that were written.
        shard_rows: rows of a shard.
    """
    for name in (IMG_EMB, METADATA):
        (part / name).mkdir(parents=True)
    starts = range(0, len(rows), shard_rows)
    digits = len(str(len(starts) - 1))
    table = rows.samples.rename_columns([IMAGE_PATH if n == FILEPATH else n for n in rows.samples.column_names])
    for number, start in enumerate(starts):
        stop = min(start + shard_rows, len(rows))
        shape = (stop - start, rows.dimension)
        with (part / IMG_EMB / f"{IMG_EMB}_{number:0{digits}}.npy").open("wb") as file:
            write_npy(file, np.dtype(np.float32), shape, counted(rows.blocks(start, stop), advance))
        metadata = part / METADATA / f"{METADATA}_{number:0{digits}}.parquet"
        with parquet_writer(metadata, table.schema, rows.provenance_json) as file:
            file.write_table(table.slice(start, stop - start))
