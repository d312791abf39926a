"""The base class of sources that join the tables of an export with images that were downloaded by them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.base import require_folder
from indexers.sources.shard_files import MemberPaths
from indexers.sources.table_source import RowOptions, TableSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.sources.joined_table import JoinedTable
    from indexers.tables import InputTable


class ExportOptions(RowOptions):
    """Options of sources that read an export and the images that were downloaded by it."""

    image_root: Path | None = Field(
        default=None, description="Folder that holds the images. Without it, the folder of the tables."
    )


class ExportSource(TableSource):
    """A folder of tables, and images below it or below ``image_root``."""

    fields: ClassVar[Mapping[str, str]]
    """Fields of a sample, and the columns that hold them."""

    def __init__(self, path: Path, name: str | None, options: ExportOptions) -> None:
        require_folder(path)
        root = options.image_root or path
        require_folder(root)
        self._joined = self._open(path, root)
        super().__init__(path, root, name, self._joined, MemberPaths({}), options)

    @abstractmethod
    def _open(self, path: Path, root: Path) -> JoinedTable:
        """Join the tables and the images.

        Raises:
            InputError, MissingFileError: a table cannot be read, or no image fits.
        """

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        return {field: column for field, column in self.fields.items() if column in table.columns}

    def _count_unlisted(self, listed: set[str]) -> None:
        self._count_images_outside(listed | self._joined.refused)
