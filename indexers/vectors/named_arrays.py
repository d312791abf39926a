"""Arrays of a file by name, as vectors and as values of fields. Formats are subclasses of :class:`NamedArrays`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.sources.split_words import split_name
from indexers.tables import as_text, as_time, plain_value
from retrieval.errors import InputError, unknown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from indexers.tables import Cell
    from retrieval.types import Float32, MetaValue

BLOCK = 65_536
"""Rows that are checked or converted at one time."""


class NamedArrays(ABC):
    """The arrays of a file, read by name.

    Args:
        path: the file.
        names: names of its arrays.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path = path
        self.names = names

    def read(self, name: str) -> NDArray[Any]:
        """Read an array.

        Raises:
            UnknownNameError: the file has no array of this name.
            InputError: the array is damaged, or holds Python objects.
        """
        if name not in self.names:
            raise unknown(f"array in {self.path}", name, self.names)
        return self._array(name)

    @abstractmethod
    def _array(self, name: str) -> NDArray[Any]:
        """Read an array that the file has."""

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array; () for what is no array."""

    def is_column(self, name: str, count: int) -> bool:
        """Return whether an array has ``count`` values: (n,), or (n, 1) or (1, n) as MATLAB and scipy save them."""
        shape = self.shape(name)
        return shape in {(count,), (count, 1), (1, count)}

    def vectors(self, name: str) -> Float32:
        """Read an array of vectors (n, d), validated by :func:`checked_vectors`."""
        return checked_vectors(self.read(name), f"array '{name}' of {self.path}")

    def column(self, name: str, field: str, count: int | None = None, dimension: int = 0) -> list[Any]:
        """Read an array (n,), (n, 1) or (1, n) as the values of a field of samples.

        Args:
            name: the array.
            field: the field, such as ``label`` or ``captured_at``.
            count: required number of values; None accepts any.
            dimension: dimension of the vectors, which tells a matrix that lies the other way round.

        Raises:
            InputError: the number of values differs from ``count``, or a value is invalid.
        """
        array = self._values(name)
        check_length(len(array), len(array) if count is None else count, f"array '{name}' of {self.path}", dimension)
        shared, values = SharedTexts(), []
        for start in range(0, len(array), BLOCK):
            for at, cell in enumerate(_python_cells(array[start : start + BLOCK]), start):
                values.append(shared(field_value(field, cell, f"array '{name}' of {self.path}, row {at}")))
        return values

    def metadata(self, name: str) -> list[MetaValue]:
        """Read an array as the values of a column of metadata; NaN and empty texts are None.

        Raises:
            InputError: the array has another shape or type.
        """
        return [plain_value(cell) for cell in self.cells(name)]

    def lengths(self, name: str, count: int) -> Float32:
        """Read an array of ``count`` numbers, such as lengths of vectors.

        Raises:
            InputError: the array has another shape or type.
        """
        array = self._values(name)
        check_length(len(array), count, f"array '{name}' of {self.path}")
        if array.dtype.kind not in "fiu":
            raise InputError(f"Array '{name}' of {self.path} holds {array.dtype}, not numbers.")
        return array.astype(np.float32)

    def cells(self, name: str) -> list[Cell]:
        """Read an array of texts, numbers or dates as Python values.

        Raises:
            InputError: the array has another shape or type.
        """
        return _python_cells(self._values(name))

    def _values(self, name: str) -> NDArray[Any]:
        """Return an array of one value per row as (n,)."""
        array = self.read(name)
        flat = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
        if flat.ndim != 1 or flat.dtype.kind not in "biufUSM":
            shape = f"{array.dtype} of shape {array.shape}"
            raise InputError(f"Array '{name}' of {self.path} is {shape}; give one text or number per vector.")
        return flat


class SharedTexts:
    """Replaces equal texts by one object, so that a column of a few names takes eight bytes a row."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """Return the first of the equal texts; other values, and texts beyond the first 65,536, as they are."""
        if not isinstance(value, str):
            return value
        return self._texts.setdefault(value, value) if len(self._texts) < BLOCK else self._texts.get(value, value)


def _python_cells(array: NDArray[Any]) -> list[Cell]:
    """Convert an array (n,) of texts, numbers or dates to Python values."""
    if array.dtype.kind == "S":
        return [cell.decode(errors="replace") for cell in array.tolist()]
    if array.dtype.kind == "M":
        return list(array.astype("datetime64[us]").tolist())
    return list(array.tolist())


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
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
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


def length_value(cell: Cell, where: str) -> float:
    """Convert a cell to the length of a vector.

    Raises:
        InputError: the cell is no number.
    """
    try:
        return float(str(cell))
    except ValueError:
        raise InputError(
            f"vector_length '{cell}' ({where}) is no number; leave it out with `vector_length=`."
        ) from None
