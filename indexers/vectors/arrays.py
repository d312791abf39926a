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

from indexers.vectors.named_arrays import NamedArrays
from retrieval.errors import InputError, MissingFileError
from retrieval.limits import check_expansion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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


class NpzArrays(NamedArrays):
    """The arrays of an ``.npz`` file, read by name.

    Args:
        path: the file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is damaged or not an ``.npz``.
    """

    def __init__(self, path: Path) -> None:
        file = load(path)
        if not isinstance(file, Mapping):
            raise InputError(f"{path} is not an .npz file; rename it to .npy and give its metadata table.")
        self._file: Any = file
        super().__init__(path, tuple(file))

    def _array(self, name: str) -> NDArray[Any]:
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
