"""Images in a column of a Parquet file, as bytes or as structs of bytes and path (Hugging Face ``datasets``).

Rows are read in small batches from the start of a row group on, and the last batches are kept: images that are read
nearly in order are read once. Beside these, Arrow holds what it needs of one row group, which is the first thousand
images where its writer has made a dictionary of them.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict, deque
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BATCH = 16
"""Rows that are read at once."""

KEPT_BATCHES, KEPT_BYTES = 4, 128 << 20
"""Of each file as many batches are kept for threads that are a little behind, and more up to so many bytes."""

KEPT_FILES = 4


def image_leaf(schema: Any, column: str) -> str | None:
    """Return the path of the bytes in a column of images: ``column``, or ``column.bytes`` of a struct; None for others.

    Args:
        schema: a ``pyarrow.Schema``.
        column: a column of it.
    """
    from pyarrow import types

    kind = schema.field(column).type
    if types.is_struct(kind):
        names = [kind.field(at).name for at in range(kind.num_fields)]
        return f"{column}.bytes" if "bytes" in names and _is_bytes(kind.field("bytes").type) else None
    return column if _is_bytes(kind) else None


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def cell_bytes(cell: Any) -> bytes | None:
    """Return the bytes in a cell as Python has it: bytes, or a dictionary with ``bytes``; None where there are none."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return data if isinstance(data, bytes) and data else None


class _ParquetImages:
    """The images of one column, read forward from wherever a row is asked for."""

    def __init__(self, path: Path, column: str) -> None:
        from pyarrow import parquet

        # Without pre_buffer the column of a row group is read as it is decoded, not as a whole before.
        self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        schema = self._file.schema_arrow
        leaf = image_leaf(schema, column) if column in schema.names else None
        if leaf is None:
            raise InputError(f"{path.name} has no column of images '{column}'")
        self._column, self._leaf = column, leaf
        sizes = [self._file.metadata.row_group(at).num_rows for at in range(self._file.metadata.num_row_groups)]
        *self._starts, self._rows = accumulate(sizes, initial=0)
        self._batches: Iterator[Any] = iter(())
        self._next = 0  # the row with which the next batch begins
        self._kept: deque[tuple[int, list[bytes | None]]] = deque()
        self._kept_bytes = 0
        self.lock = Lock()

    def image(self, row: int) -> bytes | None:
        """Return the bytes of a row from 0, None for an empty cell.

        Raises:
            IndexError: there is no such row.
        """
        if not 0 <= row < self._rows:
            raise IndexError(row)
        start = self._starts[bisect_right(self._starts, row) - 1]
        if not self._kept or row < self._kept[0][0] or start > self._next:
            self._kept.clear()
            self._kept_bytes, self._next = 0, start
        while row >= self._next:
            self._read()
        first, cells = next(kept for kept in reversed(self._kept) if kept[0] <= row)
        return cells[row - first]

    def _read(self) -> None:
        """Read the next batch; none spans two row groups, so that damage of one costs no row of another."""
        if self._next in self._starts:
            group = bisect_right(self._starts, self._next) - 1
            self._batches = self._file.iter_batches(BATCH, row_groups=[group], columns=[self._leaf], use_threads=False)
        cells = [cell_bytes(cell) for cell in next(self._batches).column(0).to_pylist()]
        self._kept.append((self._next, cells))
        self._next += len(cells)
        self._kept_bytes += _size(cells)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > KEPT_BATCHES:
            self._kept_bytes -= _size(self._kept.popleft()[1])


def _size(cells: list[bytes | None]) -> int:
    return sum(len(data) for data in cells if data is not None)


_files: OrderedDict[tuple[str, str, int, int], _ParquetImages] = OrderedDict()
_lock = Lock()


def open_parquet_member(path: Path, member: str) -> io.BytesIO:
    """Open the image in ``COLUMN/ROW`` of a Parquet file; rows count from 1.

    Raises:
        InputError: there is no such cell, it is empty, or the file is damaged. The message is the reason only.
        OSError: the file cannot be read.
    """
    import pyarrow as pa

    column, _, number = member.rpartition("/")
    if not number.isdecimal():
        raise InputError(f"'{member}' names no cell of {path.name}; write COLUMN/ROW")
    status = path.stat()
    key = (str(path), column, status.st_size, status.st_mtime_ns)
    try:
        with _lock:
            if key not in _files:
                _files[key] = _ParquetImages(path, column)
                while len(_files) > KEPT_FILES:
                    _files.popitem(last=False)
            _files.move_to_end(key)
            images = _files[key]
        with images.lock:
            data = images.image(int(number) - 1)
    except IndexError:
        raise InputError(f"{path.name} has no row {number}") from None
    except (pa.ArrowException, OSError, StopIteration) as error:
        with _lock:
            _files.pop(key, None)
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"row {number} of {path.name} cannot be read: {reason or 'the file is cut off'}") from None
    if data is None:
        raise InputError(f"the cell '{column}' of row {number} of {path.name} is empty")
    return io.BytesIO(data)
