"""Write ``.npz`` files array by array and block by block, so that memory does not grow with their size."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

from retrieval.errors import InputError
from retrieval.export.columns import PROVENANCE, VECTORS
from retrieval.limits import FREE_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from retrieval.export.rows import ExportRows
    from retrieval.types import Float32

_ROWS = 16_384
"""Values of a column that are converted at one time."""

MOST_PADDING = 50
"""An array of texts is as wide as its longest one; it may take this many times the bytes of the texts."""


def write_npz(part: Path, rows: ExportRows, advance: Callable[[int], None]) -> None:
    """Write vectors and columns of samples as arrays of a file that numpy opens without pickles.

    Args:
        part: path to write to.
        rows: the samples.
        advance: called with numbers of vectors that were written.

    Raises:
        InputError: one text of a column is so long that an array of such texts would be far larger than the column.
    """
    with NpzWriter(part) as file:
        shape = (len(rows), rows.dimension)
        file.write(VECTORS, np.dtype(np.float32), shape, counted(rows.blocks(), advance))
        for name in rows.samples.column_names:
            file.write_column(name, rows.samples.column(name))
        file.write_text(PROVENANCE, rows.provenance_json)


def counted(blocks: Iterable[tuple[int, Float32]], advance: Callable[[int], None]) -> Iterator[Float32]:
    """Yield blocks of vectors, and count each when the next one is asked for."""
    for _, block in blocks:
        yield block
        advance(len(block))


class NpzWriter:
    """A new ``.npz`` file, uncompressed as :func:`numpy.savez` writes it; equal arrays give equal bytes."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def write(self, name: str, kind: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]) -> None:
        """Write an array of which ``blocks`` are successive rows."""
        # The time of a ZipInfo is 1980 unless it is given.
        with self._archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
            write_npy(member, kind, shape, blocks)

    def write_array(self, name: str, array: NDArray[Any]) -> None:
        """Write an array that is in memory."""
        self.write(name, array.dtype, array.shape, [array])

    def write_text(self, name: str, text: str) -> None:
        """Write one text as an array of shape ()."""
        self.write_array(name, np.array(text))

    def write_column(self, name: str, column: pa.ChunkedArray) -> None:
        """Write a column of Arrow as an array (n,).

        Missing texts are empty, missing times NaT. Numbers and truth values of which some are missing become float64
        with NaN, as numpy has no missing ones.
        """
        kind = _array_kind(name, column)
        self.write(name, kind, (len(column),), (_block(column.slice(at, _ROWS), kind) for at in _starts(len(column))))


def write_npy(file: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]) -> None:
    """Write an array in the format of ``.npy``; ``blocks`` are successive rows of it."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks:
        file.write(np.ascontiguousarray(block, kind).reshape(-1).view(np.uint8).data)


def _starts(count: int) -> range:
    return range(0, count, _ROWS)


def _array_kind(name: str, column: pa.ChunkedArray) -> np.dtype[Any]:
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_string(column.type) or types.is_large_string(column.type):
        width = max(1, pc.max(pc.utf8_length(column)).as_py() or 0)
        size, held = 4 * width * len(column), pc.sum(pc.binary_length(column)).as_py() or 0
        if size > FREE_BYTES and size > MOST_PADDING * held:
            raise InputError(
                f"Column '{name}' has a text of {width:,} letters, and an array of {len(column):,} such texts would "
                f"take {size >> 20:,} MiB; write Parquet instead (`format=parquet`)."
            )
        return np.dtype(f"<U{width}")
    if types.is_timestamp(column.type):
        return np.dtype("<M8[us]")
    if column.null_count and not types.is_floating(column.type):
        return np.dtype(np.float64)
    kind: np.dtype[Any] = np.dtype(column.type.to_pandas_dtype())
    return kind


def _block(column: pa.ChunkedArray, kind: np.dtype[Any]) -> NDArray[Any]:
    values = column.to_pylist()
    if kind.kind == "U":
        return np.array([value or "" for value in values], kind)
    if kind.kind == "f":
        return np.array([np.nan if value is None else value for value in values], kind)
    return np.array(values, kind)
