"""The source ``imagefolder``: images in folders with ``metadata.csv``, ``.jsonl`` or ``.parquet`` beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import require_folder
from indexers.sources.manifest import ManifestOptions, ManifestSource
from indexers.sources.metadata_files import METADATA, MetadataTable

if TYPE_CHECKING:
    from pathlib import Path

    from indexers.tables import InputTable


class ImageFolderOptions(ManifestOptions):
    """Options of the source ``imagefolder``: those of ``manifest``."""


class ImageFolderSource(ManifestSource):
    """A folder as Hugging Face's ``imagefolder`` reads it: files of metadata name images by ``file_name``.

    The split is a column ``split``, or the folder named like a split in which an image lies. Images that no file of
    metadata names are left out, and counted.
    """

    kind: ClassVar[str] = "imagefolder"
    tables: frozenset[str] = frozenset(METADATA)
    Options: ClassVar[type[ManifestOptions]] = ImageFolderOptions

    def __init__(self, path: Path, name: str | None, options: ManifestOptions) -> None:
        require_folder(path)
        columns = dict(options.columns)
        self._path_column = columns.pop("filepath", None)
        super().__init__(path, name, options.model_copy(update={"columns": columns}))

    def _open(self, path: Path, options: ManifestOptions) -> InputTable:
        return MetadataTable(path, options, self._path_column)

    def _default_name(self, path: Path) -> str | None:  # noqa: ARG002 - the interface has it
        return None

    def _place(self, number: int) -> str:
        return self._table.location(number)

    def _count_unlisted(self, listed: set[str]) -> None:
        self._count_images_outside(listed)
