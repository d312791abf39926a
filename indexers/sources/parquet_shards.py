"""The source ``parquet``: Parquet files that hold the images themselves, as Hugging Face ``datasets`` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from indexers.sources.image_table import ImageTable
from indexers.sources.shard_files import find_shards
from indexers.sources.shard_source import ShardSource
from indexers.sources.table_source import RowOptions
from indexers.tables import PARQUET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.tables import InputTable


class ParquetOptions(RowOptions):
    """Options of the source ``parquet``; ``columns=filepath=NAME`` names the column of images where there are several.

    Numbers of a column that the files describe as classes are written as the names of the classes.
    """


class ParquetSource(ShardSource):
    """Parquet files with a column of images, as bytes or as structs of bytes and path.

    The split is a column ``split``, else the word in a file's name or folder: ``data/train-00000-of-00002.parquet``.
    """

    kind: ClassVar[str] = "parquet"
    Options = ParquetOptions

    def __init__(self, path: Path, name: str | None, options: ParquetOptions) -> None:
        shards = find_shards(path, PARQUET)
        columns = dict(options.columns)
        table = ImageTable(path, shards, columns.pop("filepath", None), options.split)
        options = options.model_copy(update={"columns": columns})
        super().__init__(path, name, shards, table, table.missing, options)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        """Return the column of classes as that of labels, if there is one only and it has another name."""
        classes = table.classes if isinstance(table, ImageTable) else ()
        return {"label": classes[0]} if len(classes) == 1 and "label" not in table.columns else {}
