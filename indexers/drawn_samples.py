"""Recognise image sets drawn by ``vitrine sample``, which are indexed with the shipped encoder by default."""

from __future__ import annotations

import json
from pathlib import Path

MARK = "sample.json"
"""File beside drawn images that records how they were drawn. Repeats the name in ``data``, which must not be imported
here."""

DEFAULT = "open_clip/vitrine-tiny"
"""Encoder for drawn images when none is named."""


def is_drawn(path: Path) -> bool:
    """Return whether ``path`` is a folder of images drawn by ``vitrine sample``, or a manifest in one."""
    folder = path if path.is_dir() else path.parent
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and "sample" in mark
