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
    """The table that describes drawn images: its path, its columns of other names, and a note for the user."""

    path: Path
    columns: dict[str, str | None]
    note: str | None = None


def drawn_table(folder: Path) -> DrawnTable | None:
    """Return the table to index for a folder of drawn images.

    None for other folders, and for drawn hands, whose ``HandInfo.csv`` is known by its name.
    """
    what = _drawn(folder) if folder.is_dir() else None
    if what == "drains" and (folder / "sites.csv").is_file():
        return DrawnTable(folder / "sites.csv", {"label": None})
    if what == "species" and (folder / "manifest.csv").is_file():
        return DrawnTable(folder / "manifest.csv", {}, _note_held_out(folder / "heldout.csv"))
    return None


def _note_held_out(table: Path) -> str | None:
    """Return a note about species that are kept out of training, if there are any."""
    try:
        has_rows = len(table.read_text(encoding="utf-8").splitlines()) > 1
    except OSError:
        return None
    note = f"Species kept out of training are in {table}; index it, too, with `columns=split=support`."
    return note if has_rows else None


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
