"""Arrays of MATLAB's ``.mat`` files, as MATLAB and ``scipy.io.savemat`` write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.vectors.named_arrays import NamedArrays
from retrieval.errors import InputError, MissingFileError
from retrieval.limits import FREE_BYTES, MOST_EXPANSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER, _COMPRESSED = 128, 15
"""Bytes before the first element of a file of version 5, and the type of a compressed element."""

_CHUNK = 1 << 20


class MatArrays(NamedArrays):
    """The arrays of a ``.mat`` file. A cell array of texts or numbers is an array of these.

    Args:
        path: the file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: it is damaged, swells when it is unpacked, or is of MATLAB's format 7.3.
    """

    def __init__(self, path: Path) -> None:
        from scipy.io import whosmat

        if not path.is_file():
            raise MissingFileError(f"There is no file {path}.")
        _check_expansion(path)
        self._shapes = {str(name): tuple(shape) for name, shape, _ in _reading(path, whosmat)}
        super().__init__(path, tuple(self._shapes))

    def _array(self, name: str) -> NDArray[Any]:
        from scipy.io import loadmat

        array = np.asarray(_reading(self.path, lambda path: loadmat(path, variable_names=[name])[name]))
        return _of_cells(array) if array.dtype == object else array

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape that the file tells of an array."""
        return self._shapes[name]


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    """Read a file with scipy, whose errors become :class:`InputError`."""
    try:
        return read(path)
    except NotImplementedError:
        raise InputError(f"{path} is of MATLAB's format 7.3 (HDF5), which is not read; save it with '-v7'.") from None
    except MemoryError:
        raise InputError(f"{path} is damaged: it claims arrays that do not fit into memory.") from None
    except Exception as error:  # noqa: BLE001 - a damaged file may raise any error
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} cannot be read as a .mat file ({reason}).") from None


def _of_cells(array: NDArray[Any]) -> NDArray[Any]:
    """Return a cell array as an array of its texts or numbers; what has other cells stays as it is."""
    cells = [np.asarray(cell) for cell in array.reshape(-1)]
    if any(cell.size > 1 or cell.dtype.kind not in "UbiufS" for cell in cells):
        return array
    texts = all(cell.dtype.kind == "U" or not cell.size for cell in cells)
    values = [cell.item() if cell.size else "" if texts else np.nan for cell in cells]
    return np.array(values).reshape(array.shape)


def _check_expansion(path: Path) -> None:
    """Unpack the compressed elements of a file once without keeping them, and stop where they swell.

    Raises:
        InputError: they are far larger than the file.
    """
    most = max(FREE_BYTES, MOST_EXPANSION * path.stat().st_size)
    total = 0
    with path.open("rb") as file:
        header = file.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        while order is not None and len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            end = file.tell() + size
            unpacker = zlib.decompressobj()
            while kind == _COMPRESSED and file.tell() < end and (packed := file.read(min(_CHUNK, end - file.tell()))):
                try:
                    while packed:
                        total += len(unpacker.decompress(packed, _CHUNK))
                        packed = unpacker.unconsumed_tail
                        if total > most:
                            raise InputError(
                                f"{path} would have more than {most >> 20:,} MiB in memory, far more than the file; "
                                "save it without compression."
                            )
                except zlib.error:
                    return  # scipy says what is wrong
            file.seek(end)
