"""Small files of values that take long to compute and can be computed again, in the user's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from retrieval.errors import InputError
from retrieval.files import write_atomically


def cache_file(name: str) -> Path:
    """Return the path of a file of values: ``vitrine/NAME`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vitrine" / name


def read_values(name: str) -> dict[str, Any]:
    """Read values by key; empty if the file is missing or damaged."""
    try:
        values = json.loads(cache_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_values(name: str, values: dict[str, Any]) -> None:
    """Replace a file atomically. If it cannot be written, the values are computed again in the next run."""
    with contextlib.suppress(InputError):
        write_atomically(cache_file(name), json.dumps(values, indent=0))
