"""SHA-256 of weight files, remembered by path, size and modification time so that a file is hashed once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from retrieval.errors import InputError, MissingFileError
from retrieval.files import write_atomically


def cache_file() -> Path:
    """Where digests are remembered: ``$XDG_CACHE_HOME`` or ``~/.cache``, ``vitrine/digests.json``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vitrine" / "digests.json"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read.
    """
    path = path.resolve()
    try:
        seen = path.stat()
        key = f"{path}|{seen.st_size}|{seen.st_mtime_ns}"
        known = _read()
        if key in known:
            return known[key]
        with path.open("rb") as file:
            value = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such weight file; check the path given to `weights`.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path given to `weights`.") from None
    _write({**{k: v for k, v in known.items() if k.partition("|")[0] != str(path)}, key: value})
    return value


def _read() -> dict[str, str]:
    try:
        known = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(known: dict[str, str]) -> None:
    """Replace the cache in one step. Where it cannot be written the next run only hashes again."""
    with contextlib.suppress(InputError):
        write_atomically(cache_file(), json.dumps(known, indent=0, sort_keys=True))
