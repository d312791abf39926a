"""SHA-256 of files of weights, cached by path, size and modification time."""

from __future__ import annotations

import hashlib
from pathlib import Path

from retrieval.encoders.cache_files import read_values, write_values
from retrieval.errors import InputError, MissingFileError

DIGESTS = "digests.json"
"""The file of cached digests."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file cannot be read.
    """
    path = path.resolve()
    try:
        status = path.stat()
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
        cache = read_values(DIGESTS)
        if isinstance(value := cache.get(key), str):
            return value
        with path.open("rb") as file:
            value = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such weight file; check the path given to `weights`.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path given to `weights`.") from None
    write_values(DIGESTS, {**{k: v for k, v in cache.items() if k.partition("|")[0] != str(path)}, key: value})
    return value
