"""Tensors and arrays of ``.pt`` and ``.pth`` files, as scripts of re-identification save features.

No code of a file is run: :mod:`retrieval.encoders.restricted_pickle` reads tensors and containers, and arrays of numpy
are rebuilt here from their bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.vectors.named_arrays import NamedArrays
from retrieval.encoders.restricted_pickle import ALLOWED, Budget, Placeholder, Table, read_pickled
from retrieval.errors import InputError, MissingFileError
from retrieval.limits import FREE_BYTES, MOST_WEIGHTS_EXPANSION, check_expansion

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

MOST_VALUES = 20_000_000
"""Instructions of a pickle, and values in its containers: paths of some millions of images."""

SAVED_PLAIN = "save the features as tensors or arrays, as in np.savez(FILE, vectors=..., identity=...)"

_PLAIN_TYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][0-9]{1,6}")


class _PickledType(Placeholder):
    """A dtype of numpy: its code, such as ``i8``; the state holds the order of bytes."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        super().__init__()
        object.__setattr__(self, "code", code)

    code: Any

    def plain(self) -> np.dtype[Any] | None:
        """Return the dtype, or None if it is not one of numbers or texts."""
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "|"
        if not isinstance(self.code, str) or not _PLAIN_TYPE.fullmatch(self.code) or order not in ("<", ">", "|", "="):
            return None
        return np.dtype(f"{order}{self.code}")


class _PickledArray(Placeholder):
    """An array of numpy; the state holds its version, shape, dtype, order and bytes."""

    def plain(self) -> NDArray[Any] | None:
        """Return the array, or None if it is damaged or holds objects."""
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            return None
        _, shape, kind, fortran, raw = self.state
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape) or len(shape) > 8:
            return None
        if isinstance(raw, list) and math.prod(shape) == len(raw):  # an array of objects: texts, perhaps
            return _of_list(raw)
        plain = kind.plain() if isinstance(kind, _PickledType) else None
        if plain is None or not isinstance(raw, bytes) or len(raw) != math.prod(shape) * plain.itemsize:
            return None
        return np.frombuffer(raw, plain).reshape(shape, order="F" if fortran else "C")


def _scalar(kind: Any, raw: Any) -> Any:
    plain = kind.plain() if isinstance(kind, _PickledType) else None
    if plain is None or not isinstance(raw, bytes) or len(raw) != plain.itemsize:
        return None
    return np.frombuffer(raw, plain)[0].item()


def _encoded(text: Any, encoding: Any) -> bytes:
    """Return the bytes that pickles of protocol 2 write as a text."""
    return text.encode("latin1") if isinstance(text, str) and encoding == "latin1" else b""


_NUMPY: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _encoded,
    ("numpy", "dtype"): _PickledType,
    **{
        (f"numpy.{core}.multiarray", name): call
        for core in ("core", "_core")
        for name, call in (("_reconstruct", lambda *_: _PickledArray()), ("scalar", _scalar))
    },
}

ARRAYS: Table = {**ALLOWED, **_NUMPY}


class TorchArrays(NamedArrays):
    """The arrays of a torch file: a dictionary, also of dictionaries (``query_feats``), or a list (``0``, ``1``, ...).

    Lists of texts and numbers are arrays, too.

    Args:
        path: the file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: it is damaged, or holds no arrays.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingFileError(f"There is no file {path}.")
        loaded, _ = read_pickled(path, Budget(path, MOST_VALUES, SAVED_PLAIN), ARRAYS)
        self._arrays: dict[str, NDArray[Any]] = {}
        for name, value in _named_values(loaded):
            array = _array_of(value, path, name)
            if array is not None:
                self._arrays[name] = array
        if not self._arrays:
            raise InputError(f"{path} holds no tensors or arrays that can be read without running code; {SAVED_PLAIN}.")
        super().__init__(path, tuple(self._arrays))

    def _array(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return self._arrays[name].shape


def _named_values(loaded: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of a dictionary or a list; those of inner dictionaries have both names."""
    if isinstance(loaded, Mapping):
        for key, value in loaded.items():
            if isinstance(value, Mapping):
                yield from ((f"{key}_{inner_key}", inner) for inner_key, inner in value.items())
            else:
                yield str(key), value
    elif isinstance(loaded, list | tuple):
        yield from ((str(at), value) for at, value in enumerate(loaded))
    else:
        yield "0", loaded


def _array_of(value: Any, path: Path, name: str) -> NDArray[Any] | None:
    """Return a tensor, an array or a list as an array; None for other values."""
    import torch

    if isinstance(value, torch.Tensor):
        size = value.numel() * value.element_size()
        check_expansion(
            path.stat().st_size, size, f"Tensor '{name}' of {path}", SAVED_PLAIN, most=MOST_WEIGHTS_EXPANSION
        )
        plain = value.detach()
        array: NDArray[Any] = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
        return array
    if isinstance(value, _PickledArray):
        return value.plain()
    return _of_list(value) if isinstance(value, list | tuple) else None


def _of_list(values: Sequence[Any]) -> NDArray[Any] | None:
    """Return a list of texts or numbers as an array (n,), and one of tensors as their rows; None for others."""
    import torch

    if values and all(isinstance(value, torch.Tensor) for value in values):
        return _of_tensors(values)
    if values and all(isinstance(value, str) for value in values):
        letters = sum(map(len, values))
        swells = 4 * max(map(len, values)) * len(values) > max(FREE_BYTES, 50 * letters)
        return None if swells else np.array(values)
    if values and all(isinstance(value, int | float) for value in values):
        whole = all(isinstance(value, int) and abs(value) < 2**63 for value in values)
        return np.array(values, np.int64 if whole else np.float64)
    return None


def _of_tensors(values: Sequence[torch.Tensor]) -> NDArray[Any] | None:
    """Return numbers as an array (n,), and vectors or batches of vectors as the rows of a matrix."""
    parts = [value.detach().float() if value.is_floating_point() else value.detach() for value in values]
    if all(part.ndim == 0 for part in parts):
        return np.array([part.item() for part in parts])
    if any(part.ndim not in {1, 2} for part in parts) or len({part.shape[-1] for part in parts}) != 1:
        return None
    return np.concatenate([np.atleast_2d(part.numpy()) for part in parts])
