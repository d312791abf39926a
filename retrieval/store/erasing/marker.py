"""The file that says that an erasure was begun and not finished."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from retrieval.files import write_atomically
from retrieval.store.commits import now
from retrieval.store.durability import sync_files

FORGETTING = "forgetting.json"
"""Name of the file in the folder of a store. It names nobody: what was asked for is a salted hash."""


class ErasureMarker(NamedTuple):
    """An erasure that was begun: when, and whether it is of a selection, a text made of the options of a command."""

    begun: str
    is_of: Callable[[str], bool]


def begin(folder: Path, selection: str) -> None:
    """Write the marker, forced to the disk before anything is erased."""
    salt = secrets.token_hex(16)
    content = {"begun": now(), "salt": salt, "selection": _hash(salt, selection)}
    write_atomically(folder / FORGETTING, json.dumps(content), "make room on the disk")
    sync_files(folder, [FORGETTING])


def read_marker(folder: Path) -> ErasureMarker | None:
    """Read the marker; None if no erasure is unfinished."""
    path = folder / FORGETTING
    if not path.exists():
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_bytes())
        salt, selection = content["salt"], content["selection"]
        return ErasureMarker(content["begun"], lambda text: _hash(salt, text) == selection)
    return ErasureMarker("at an unknown time", lambda _: False)


def finish(folder: Path) -> None:
    """Delete the marker."""
    (folder / FORGETTING).unlink(missing_ok=True)


def _hash(salt: str, text: str) -> str:
    return blake2b(text.encode(), digest_size=16, key=bytes.fromhex(salt)).hexdigest()
