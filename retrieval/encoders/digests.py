"""SHA-256 of files of weights, cached by path, size and modification time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from retrieval.errors import InputError, MissingFileError
from retrieval.files import write_atomically


def cache_file() -> Path:
    """Return the path of the cache: ``vitrine/digests.json`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vitrine" / "digests.json"


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
        cache = _read()
        if key in cache:
            return cache[key]
        with path.open("rb") as file:
            value = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such weight file; check the path given to `weights`.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path given to `weights`.") from None
    _write({**{k: v for k, v in cache.items() if k.partition("|")[0] != str(path)}, key: value})
    return value


def _read() -> dict[str, str]:
    try:
        cache = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cache if isinstance(cache, dict) else {}


def _write(cache: dict[str, str]) -> None:
    """Replace the cache atomically. If it cannot be written, files are hashed again in the next run."""
    with contextlib.suppress(InputError):
        write_atomically(cache_file(), json.dumps(cache, indent=0, sort_keys=True))
