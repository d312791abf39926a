"""A Parquet file that holds images: which column they are in, and what its metadata say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from indexers.tables import ParquetTable, reading_parquet
from retrieval.containers.parquet import BATCH, cell_bytes, image_leaf
from retrieval.errors import InputError, first_names, unknown
from retrieval.image_formats import HEAD, image_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_USUAL = ("image", "img", "images", "picture", "photo", "jpg", "png")
"""Names of the column that is taken where several hold images."""


class ImageColumnError(InputError):
    """It is not clear which column holds the images; all files of a data set wait for the answer."""


class ImageFile:
    """One Parquet file: its columns, the one that holds its images, and the names of its classes.

    Args:
        path: the file.
        column: the column of images; None finds it.

    Raises:
        InputError: the file is damaged.
        ImageColumnError: it is not clear which column holds the images.
        UnknownNameError: it has columns of images, and not the given one.
    """

    def __init__(self, path: Path, column: str | None) -> None:
        self.path = path
        with reading_parquet(path) as file:
            schema = file.schema_arrow
            leaves = {name: leaf for name in schema.names if (leaf := image_leaf(schema, name)) is not None}
            features = _features(schema.metadata or {})
            if column is None and len(leaves) > 1:
                leaves = _with_images(file, leaves, features)
        self.column = _choose(path, leaves, column)
        self.leaf = leaves.get(self.column or "")
        self.table = None if self.column is None else ParquetTable(path, frozenset(), frozenset({self.column}))
        self.numbers = frozenset(field.name for field in schema if _is_number(field.type))
        self.classes = {name: entry["names"] for name, entry in features.items() if _names_classes(entry)}

    def empty_rows(self) -> Iterator[int]:
        """Yield the numbers (from 1) of the rows that have no image. Images are read where the statistics tell none."""
        with reading_parquet(self.path) as file:
            start = 1
            for group in range(file.num_row_groups):
                if self._may_lack(file.metadata.row_group(group)):
                    number = start
                    for batch in file.iter_batches(BATCH, row_groups=[group], columns=[self.leaf], use_threads=False):
                        for cell in batch.column(0).to_pylist():
                            if cell_bytes(cell) is None:
                                yield number
                            number += 1
                start += file.metadata.row_group(group).num_rows

    def _may_lack(self, group: Any) -> bool:
        for at in range(group.num_columns):
            chunk = group.column(at)
            if chunk.path_in_schema == self.leaf:
                statistics = chunk.statistics
                return statistics is None or not statistics.has_null_count or statistics.null_count > 0
        return True


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """Return what the entry ``huggingface`` of the metadata says of columns; nothing if it is absent or damaged."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {str(name): entry for name, entry in features.items() if isinstance(entry, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _names_classes(entry: Mapping[str, Any]) -> bool:
    names = entry.get("names")
    return entry.get("_type") == "ClassLabel" and isinstance(names, list) and {*map(type, names)} == {str}


def _with_images(file: Any, leaves: dict[str, str], features: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of bytes that hold images: those that the metadata say, else those whose first cell is one."""
    if declared := {name: leaf for name, leaf in leaves.items() if features.get(name, {}).get("_type") == "Image"}:
        return declared
    batch = next(file.iter_batches(BATCH, columns=list(leaves.values())), None)
    cells = {} if batch is None else {name: map(cell_bytes, batch.column(name).to_pylist()) for name in leaves}
    first = {name: next(filter(None, data), b"") for name, data in cells.items()}
    return {name: leaf for name, leaf in leaves.items() if image_format(first.get(name, b"")[:HEAD])} or leaves


def _choose(path: Path, leaves: Mapping[str, str], column: str | None) -> str | None:
    """Return the column of images; None if there is none."""
    if column is not None:
        if leaves and column not in leaves:
            raise unknown(f"column of images in {path.name}", column, leaves)
        return column if column in leaves else None
    usual = [name for name in _USUAL if name in leaves]
    if len(leaves) > 1 and not usual:
        raise ImageColumnError(
            f"{path} has several columns of images ({first_names(leaves, 6)}); say which one is meant with "
            f"`columns=filepath={next(iter(leaves))}`."
        )
    return usual[0] if usual else next(iter(leaves), None)


def has_images(path: Path) -> bool:
    """Return whether a Parquet file holds images: in a struct of bytes, or in cells that are images by their bytes."""
    try:
        with reading_parquet(path) as file:
            schema = file.schema_arrow
            leaves = {name: leaf for name in schema.names if (leaf := image_leaf(schema, name)) is not None}
            if any(leaf != name for name, leaf in leaves.items()):
                return True
            batch = next(file.iter_batches(BATCH, columns=list(leaves)), None) if leaves else None
            columns = [] if batch is None else batch.columns
            return any(
                image_format((cell_bytes(cell) or b"")[:HEAD]) for cells in columns for cell in cells.to_pylist()
            )
    except (InputError, OSError):
        return False
