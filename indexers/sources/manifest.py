"""The source ``manifest``: images listed in a table, ``filepath,label[,split,identity,camera,...]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.base import require_folder
from indexers.sources.image_paths import ImagePaths
from indexers.sources.table_source import RowOptions, TableSource
from indexers.tables import TableOptions, open_table

if TYPE_CHECKING:
    from indexers.tables import InputTable


class ManifestOptions(RowOptions, TableOptions):
    """Options of the source ``manifest``."""

    image_root: Path | None = Field(
        default=None, description="Folder where relative paths start. Without it, the folder of the table."
    )
    id_digits: int | None = Field(
        default=None,
        ge=1,
        le=18,
        description="Number of digits of the images' names, where a spreadsheet has cut their leading zeros.",
    )


class ManifestSource(TableSource):
    """A table file with one row per image."""

    kind: ClassVar[str] = "manifest"
    Options: ClassVar[type[ManifestOptions]] = ManifestOptions

    def __init__(self, path: Path, name: str | None, options: ManifestOptions) -> None:
        table = self._open(path, options)
        root = options.image_root or (path if path.is_dir() else path.parent)
        require_folder(root)
        self._image_root = options.image_root
        paths = ImagePaths(root, options.id_digits)
        super().__init__(path, root, name or self._default_name(path), table, paths, options)

    def _open(self, path: Path, options: ManifestOptions) -> InputTable:
        return open_table(path, options=options)

    def _default_name(self, path: Path) -> str | None:
        folder = Path(os.path.abspath(path)).parent.name  # noqa: PTH100 - many a manifest is called manifest.csv
        return f"{self.kind}:{folder}/{path.name.removesuffix('.gz').rpartition('.')[0]}"

    def _way_to_images(self) -> str:
        return image_way(self._image_root)


def image_way(image_root: Path | None) -> str:
    """Return the way out for a table none of whose images is there."""
    if image_root is not None:
        return "correct the paths, or set `image_root` to another folder"
    return "set `image_root` to the folder its paths start from"
