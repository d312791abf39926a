"""The source ``wildlife``: tables of animals with ``identity`` and ``path``, as wildlife-datasets writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import folder_name, require_folder
from indexers.sources.boxes import BoxOptions, BoxSource
from indexers.sources.image_paths import ImagePaths
from indexers.sources.manifest import ManifestOptions, image_way
from indexers.tables import DELIMITERS, open_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.tables import InputTable

TABLES = ("metadata.csv", "annotations.csv", "metadata.parquet")

_NEEDED = {"path", "identity"}
_OTHERS = {"bbox", "date", "orientation", "position", "species", "keypoints", "segmentation"}
"""Columns of wildlife-datasets (docs/dataframe.md there), of which a table of any name must have one to be guessed."""

_FIELDS = {
    "filepath": ("path",),
    "label": ("species",),
    "aspect": ("orientation", "position"),
    "captured_at": ("date", "datetime"),
}


def is_wildlife(path: Path) -> bool:
    """Return whether a table of text, or the ``metadata.csv`` of a folder, has the columns of wildlife-datasets."""
    if path.is_dir():
        return any(is_wildlife(path / name) for name in TABLES if (path / name).is_file())
    if path.suffix.lower() not in DELIMITERS:
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            columns = {cell.strip(" \"'\r\n").casefold() for cell in re.split(r"[,;\t]", file.readline(1 << 16))}
    except (OSError, UnicodeDecodeError):
        return False
    return columns >= _NEEDED and not columns.isdisjoint(_OTHERS) and "file_name" not in columns


class WildlifeOptions(ManifestOptions, BoxOptions):
    """Options of the source ``wildlife``: those of ``manifest``, and whether boxes are cut out."""


class WildlifeSource(BoxSource):
    """A table of ``identity`` and ``path``; ``date``, ``orientation``, ``species`` and ``bbox`` are fields, too.

    A box is ``[x, y, width, height]`` in pixels of the upright image; a row without one is the whole image.
    """

    kind: ClassVar[str] = "wildlife"
    tables: frozenset[str] = frozenset(TABLES)
    Options: ClassVar[type[WildlifeOptions]] = WildlifeOptions

    def __init__(self, path: Path, name: str | None, options: WildlifeOptions) -> None:
        table = open_table(_table_in(path) if path.is_dir() else path, options=options)
        root = options.image_root or (path if path.is_dir() else path.parent)
        require_folder(root)
        self._image_root = options.image_root
        name = name or f"{self.kind}:{folder_name(path if path.is_dir() else path.parent)}"
        paths = ImagePaths(root, options.id_digits)
        super().__init__(path, root, name, table, paths, options, boxes=options.boxes)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        usual: dict[str, str | None] = {}
        for field, names in _FIELDS.items():
            name = next((name for name in names if name in table.columns), None)
            if name is not None and field not in table.columns:
                usual[field] = name
        return usual

    def _way_to_images(self) -> str:
        return image_way(self._image_root)


def _table_in(folder: Path) -> Path:
    """Return the table of a folder; one that is not there is an error where it is opened."""
    return next((folder / name for name in TABLES if (folder / name).is_file()), folder / TABLES[0])
