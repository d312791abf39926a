"""Read and validate arrays of ``.npz`` and ``.npy`` files. Nothing is unpickled; arrays of objects are refused."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from indexers.sources.split_words import split_name
from indexers.tables import as_text, as_time
from retrieval.errors import InputError, MissingFileError, unknown
from retrieval.limits import check_expansion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from indexers.tables import Cell
    from retrieval.types import Float32

_BLOCK = 65_536
_MAPPED_BYTES = 1 << 24
"""Smallest size of an array that is memory-mapped."""

_LOCAL_HEADER, _NAME_LENGTH = 30, 26
"""Size of the header before a member of a zip file, and where in it the lengths of name and extra field stand."""

# Raised by numpy and zipfile on damaged files; headers are Python literals, hence the tokenizer's errors.
_DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
)


class NpzArrays:
    """The arrays of an ``.npz`` file, read by name.

    Args:
        path: the file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is damaged or not an ``.npz``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        file = load(path)
        if not isinstance(file, Mapping):
            raise InputError(f"{path} is not an .npz file; rename it to .npy and give its metadata table.")
        self._file: Any = file
        self.names = tuple(file)

    def read(self, name: str) -> NDArray[Any]:
        """Read an array.

        Raises:
            UnknownNameError: the file has no array of this name.
            InputError: the array is damaged, or holds Python objects.
        """
        if name not in self.names:
            raise unknown(f"array in {self.path}", name, self.names)
        what = f"array '{name}' of {self.path}"
        with _reading(self.path, what):
            self._check_size(name, what)
            mapped = self._mapped(name)
            return np.asarray(self._file[name]) if mapped is None else mapped

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape that the header of an array claims; () for a member that is no array."""
        with _reading(self.path, f"array '{name}' of {self.path}"), self._open(name) as file:
            try:
                return self._header(file)[0]
            except ValueError:
                return ()

    def _mapped(self, name: str) -> NDArray[Any] | None:
        """Memory-map a large array that the file holds uncompressed, as np.savez writes it; None for others."""
        with self._open(name) as file:
            info = self._file.zip.getinfo(str(file.name))
            if info.compress_type != zipfile.ZIP_STORED or info.file_size < _MAPPED_BYTES:
                return None
            shape, kind, fortran = self._header(file)
            if kind.hasobject:
                return None  # numpy refuses it
            header = file.tell()
            while file.read(_MAPPED_BYTES):  # its last bytes are returned only if the checksum is right
                pass
        with self.path.open("rb") as whole:
            whole.seek(info.header_offset + _NAME_LENGTH)
            name_length, extra_length = struct.unpack("<HH", whole.read(4))
        start = info.header_offset + _LOCAL_HEADER + name_length + extra_length + header
        return np.memmap(self.path, kind, "r", start, shape, "F" if fortran else "C")

    def _open(self, name: str) -> IO[bytes]:
        archive = self._file.zip
        member: IO[bytes] = archive.open(name if name in archive.namelist() else f"{name}.npy")
        return member

    def _header(self, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
        """Read shape, type, and whether the array is in Fortran's order."""
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
        return shape, kind, fortran

    def _check_size(self, name: str, what: str) -> None:
        """Compare what the header claims with what the file holds, before memory is taken for it."""
        with self._open(name) as file:
            shape, kind, _ = self._header(file)
            info = self._file.zip.getinfo(str(file.name))
        claimed = math.prod(shape) * kind.itemsize
        if not kind.hasobject and claimed > info.file_size:
            raise InputError(f"Cannot read {what}, the file is damaged: its header says {shape}, more than it holds.")
        check_expansion(info.compress_size, info.file_size, f"{what[:1].upper()}{what[1:]}", "write it with np.savez")

    def vectors(self, name: str) -> Float32:
        """Read an array of vectors (n, d), validated by :func:`checked_vectors`."""
        return checked_vectors(self.read(name), f"array '{name}' of {self.path}")

    def column(self, name: str, field: str, count: int | None = None, dimension: int = 0) -> list[Any]:
        """Read an array (n,) as the values of a field of samples.

        Args:
            name: the array.
            field: the field, such as ``label`` or ``captured_at``.
            count: required number of values; None accepts any.
            dimension: dimension of the vectors, which tells a matrix that lies the other way round.

        Raises:
            InputError: the number of values differs from ``count``, or a value is invalid.
        """
        array = self._cell_array(name)
        check_length(len(array), len(array) if count is None else count, f"array '{name}' of {self.path}", dimension)
        shared, values = SharedTexts(), []
        for start in range(0, len(array), _BLOCK):
            for at, cell in enumerate(_python_cells(array[start : start + _BLOCK]), start):
                values.append(shared(field_value(field, cell, f"array '{name}' of {self.path}, row {at}")))
        return values

    def cells(self, name: str) -> list[Cell]:
        """Read an array (n,) of texts, numbers or dates as Python values.

        Raises:
            InputError: the array has another shape or type.
        """
        return _python_cells(self._cell_array(name))

    def _cell_array(self, name: str) -> NDArray[Any]:
        array = self.read(name)
        if array.ndim != 1 or array.dtype.kind not in "biufUSM":
            shape = f"{array.dtype} of shape {array.shape}"
            raise InputError(f"Array '{name}' of {self.path} is {shape}; give one text or number per vector.")
        return array


class SharedTexts:
    """Replaces equal texts by one object, so that a column of a few names takes eight bytes a row."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """Return the first of the equal texts; other values, and texts beyond the first 65,536, as they are."""
        if not isinstance(value, str):
            return value
        return self._texts.setdefault(value, value) if len(self._texts) < _BLOCK else self._texts.get(value, value)


def _python_cells(array: NDArray[Any]) -> list[Cell]:
    """Convert an array (n,) of texts, numbers or dates to Python values."""
    if array.dtype.kind == "S":
        return [cell.decode(errors="replace") for cell in array.tolist()]
    if array.dtype.kind == "M":
        return list(array.astype("datetime64[us]").tolist())
    return list(array.tolist())


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Convert numpy's exceptions for damaged files to :class:`InputError`; ``what`` names the array in the message."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise MissingFileError(f"There is no file {path}.") from None
    except ValueError as error:
        # numpy reports every file of an unknown format as a pickle.
        not_arrays = "it is no numpy file, or it holds Python objects, which are never unpickled; save plain arrays"
        reason = str(error).rstrip(".")
        is_pickle = "pickle" in reason or "Python objects" in reason
        raise InputError(f"Cannot read {what}: {not_arrays if is_pickle else reason}.") from None
    except _DAMAGE_ERRORS as error:
        raise InputError(f"Cannot read {what}, the file is damaged: {str(error) or type(error).__name__}.") from None


def load(path: Path) -> Any:
    """Open an ``.npz`` file, or memory-map an ``.npy`` file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is damaged, or holds Python objects.
    """
    with _reading(path, str(path)):
        return np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix.lower() == ".npy" else None)


def checked_vectors(array: NDArray[Any], what: str) -> Float32:
    """Return an array (n, d) of vectors as float32.

    Args:
        array: numbers; n and d are at least 1.
        what: name of the array for messages.

    Raises:
        InputError: the array has another shape or type, or a row is not finite or all zero.
    """
    if array.ndim != 2 or array.dtype.kind not in "fiu" or 0 in array.shape:
        shape = f"{array.dtype} of shape {array.shape}"
        raise InputError(f"Vectors must be numbers of shape (rows, dimension); {what} is {shape}.")
    with np.errstate(over="ignore"):
        vectors = np.asarray(array, dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        for bad, why in ((~np.isfinite(block).all(axis=1), "is not finite"), (~block.any(axis=1), "is all zero")):
            if bad.any():
                at = start + int(np.argmax(bad))
                raise InputError(f"Row {at} (counted from 0) of {what} {why}; drop it or compute it again.")
    return vectors


def check_length(length: int, count: int, what: str, dimension: int = 0) -> None:
    """Raise :class:`InputError` unless ``what`` has ``length`` rows for ``count`` vectors of a dimension, one each."""
    if length == dimension != count:
        raise InputError(
            f"{what[:1].upper()}{what[1:]} has {length} rows and the vectors have shape ({count}, {dimension}): they "
            "lie the other way round; save the transpose (`X.T` in numpy), one row per vector."
        )
    if length != count:
        raise InputError(f"There are {count} vectors, but {what} has {length} rows.")


def field_value(field: str, cell: Cell, where: str) -> Any:
    """Convert a cell to the value of a field of a sample.

    Args:
        field: ``captured_at`` (datetime), ``split`` (stored name) or any other (text).
        cell: the cell.
        where: file and row, for messages.

    Raises:
        InputError: the cell is not a date or not the name of a split.
    """
    if field == "captured_at":
        try:
            return as_time(cell)
        except ValueError:
            raise InputError(f"captured_at '{cell}' ({where}) is not a date like 2024-05-31T14:00:00.") from None
    text = as_text(cell)
    if field != "split" or text is None:
        return text
    split = split_name(text)
    if split is None:
        raise InputError(f"'{text}' ({where}) is no split (train, val, test, query, gallery); correct it.")
    return split
