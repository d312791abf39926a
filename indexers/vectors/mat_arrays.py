"""Arrays of MATLAB's ``.mat`` files, as MATLAB and ``scipy.io.savemat`` write them."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from indexers.vectors.arrays import NpzArrays
from indexers.vectors.named_arrays import NamedArrays
from retrieval.errors import InputError, MissingFileError
from retrieval.limits import FREE_BYTES, MOST_EXPANSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER, _COMPRESSED = 128, 15
"""Bytes before the first element of a file of version 5, and the type of a compressed element."""

_CHUNK = 1 << 20


_CONVERT = """
import json
import sys
import numpy
from scipy.io import loadmat
from scipy.sparse import issparse

def plain(array):
    if issparse(array):
        return None
    array = numpy.asarray(array)
    if array.dtype == object:
        cells = [numpy.asarray(cell) for cell in array.reshape(-1)]
        if any(cell.size > 1 or cell.dtype.kind not in "UbiufS" for cell in cells):
            return None
        texts = all(cell.dtype.kind == "U" or not cell.size for cell in cells)
        values = [cell.item() if cell.size else "" if texts else numpy.nan for cell in cells]
        array = numpy.array(values).reshape(array.shape)
    return array if array.dtype.kind in "UbiufcS" else None

try:
    arrays = {name: plain(array) for name, array in loadmat(sys.argv[1]).items() if not name.startswith("__")}
except NotImplementedError:
    sys.exit(NEWER)
except Exception as error:
    sys.exit(" ".join(str(error).split())[:200] or type(error).__name__)
numpy.savez(sys.argv[2], **{f"a{at}": array for at, array in enumerate(arrays.values()) if array is not None})
sys.stdout.write(json.dumps({name: array is not None for name, array in arrays.items()}))
"""
"""Writes arrays as .npz, and their names; a program of its own, because a damaged file may end the process."""

_NEWER = 7
"""Exit status for files of MATLAB's format 7.3."""


class MatArrays(NamedArrays):
    """The arrays of a ``.mat`` file. A cell array of texts or numbers is an array of these.

    Args:
        path: the file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: it is damaged, swells when it is unpacked, or is of MATLAB's format 7.3.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingFileError(f"There is no file {path}.")
        _check_expansion(path)
        self._arrays: dict[str, NDArray[Any] | None] = {}
        with TemporaryDirectory() as folder:
            names = _converted(path, Path(folder) / "arrays.npz")
            arrays = NpzArrays(Path(folder) / "arrays.npz")
            for at, (name, is_plain) in enumerate(names.items()):  # large ones are mapped, and outlive the folder
                self._arrays[name] = arrays.read(f"a{at}") if is_plain else None
        super().__init__(path, tuple(names))

    def _array(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        if array is None:
            raise InputError(
                f"Array '{name}' of {self.path} holds structures or cells of several values; give one text or number "
                "per vector."
            )
        return array

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array; () for structures and the like."""
        array = self._arrays[name]
        return () if array is None else array.shape


def _converted(path: Path, out: Path) -> dict[str, bool]:
    """Write the arrays of a file as ``.npz``; map their names to whether they are plain arrays.

    Raises:
        InputError: the file cannot be read.
    """
    program = _CONVERT.replace("NEWER", str(_NEWER))
    command = [sys.executable, "-P", "-c", program, str(path.absolute()), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == _NEWER:
        raise InputError(f"{path} is of MATLAB's format 7.3 (HDF5), which is not read; save it with '-v7'.")
    if done.returncode:
        reason = " ".join(done.stderr.split())[-200:] if done.returncode > 0 else "it is damaged"
        raise InputError(f"{path} cannot be read as a .mat file ({reason}).")
    names: dict[str, bool] = json.loads(done.stdout)
    return names


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
