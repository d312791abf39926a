"""Images that ``vitrine sample`` has drawn are known by a file beside them; they have an encoder of their own."""

from __future__ import annotations

import json
from pathlib import Path

MARK = "sample.json"
"""Names what was drawn and from which arguments; the same name as in ``data``, which nothing may import."""

DEFAULT = "open_clip/vitrine-tiny"


def is_drawn(path: Path) -> bool:
    """Whether ``path`` is a folder that was drawn, or a manifest in one."""
    folder = path if path.is_dir() else path.parent
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and "sample" in mark
