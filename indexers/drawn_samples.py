"""Recognise image sets drawn by ``vitrine sample``, which are indexed with the shipped encoder by default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

MARK = "sample.json"
"""File beside drawn images that records how they were drawn. Repeats the name in ``data``, which must not be imported
here."""

DEFAULT = "open_clip/vitrine-tiny"
"""Encoder for drawn images when none is named."""


class DrawnTable(NamedTuple):
    """The table that describes drawn images: its name, its columns of other names, and a note for the user."""

    name: str
    columns: dict[str, str | None]
    note: str | None = None


_TABLES = {
    "species": DrawnTable(
        "manifest.csv",
        {},
        "Species kept out of training are in {folder}/heldout.csv; index it, too, with `columns=split=support`.",
    ),
    "drains": DrawnTable("sites.csv", {"label": None}),
}
"""Kind of drawn images -> the table that is indexed where the folder is named alone."""


def drawn_table(path: Path) -> DrawnTable | None:
    """Return the table to index for a folder of drawn images; None for others and for hands (HandInfo.csv)."""
    if not path.is_dir():
        return None
    table = _TABLES.get(_drawn(path) or "")
    if table is None or not (path / table.name).is_file():
        return None
    return table._replace(note=table.note and table.note.format(folder=path))


def is_drawn(path: Path) -> bool:
    """Return whether ``path`` is a folder of images drawn by ``vitrine sample``, or a manifest in one."""
    return _drawn(path if path.is_dir() else path.parent) is not None


def _drawn(folder: Path) -> str | None:
    """Return what the images of a folder show, such as species; None if they are not drawn."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(mark["sample"]) if isinstance(mark, dict) and "sample" in mark else None
