"""The files ``metadata.csv``, ``metadata.jsonl`` and ``metadata.parquet`` of an image folder, read as one table."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from indexers.sources.split_words import split_like, split_name
from indexers.tables import TableRow, as_text, list_columns, open_table
from retrieval.errors import InputError, first_names
from retrieval.image_listing import is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from indexers.tables import Cell, InputTable, TableOptions
    from retrieval.types import SourceProblem

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"

_SEARCHED = 3
"""Levels of folders in which :func:`has_metadata` looks."""

_FILE_ROWS = 10**9
"""More rows than a file has: row n of file k has the number k * 10^9 + n."""


def has_metadata(root: Path, levels: int = _SEARCHED) -> bool:
    """Return whether a folder, or one up to three levels below it, holds a file of metadata."""
    try:
        with os.scandir(root) as entries:
            names = {entry.name: entry for entry in entries if not is_hidden(entry.name)}
        if any(name in names for name in METADATA):
            return True
        folders = [root / name for name, entry in names.items() if levels > 1 and entry.is_dir()]
    except OSError:
        return False
    return any(has_metadata(folder, levels - 1) for folder in folders)


def find_metadata(root: Path) -> list[Path]:
    """Return all files of metadata in a folder and below it, sorted by path.

    Raises:
        InputError: there is none, or a folder has two.
    """
    files: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_hidden(name)]
        own_files = [name for name in METADATA if name in names]
        if len(own_files) > 1:
            raise InputError(f"{folder} has {' and '.join(own_files)}; remove one of them.")
        files += [root / os.path.relpath(folder, root) / name for name in own_files]
    if not files:
        raise InputError(f"{root} has no {', '.join(METADATA)}; index it with `source=folder`, or give its table.")
    return sorted(files)


class MetadataTable:
    """Metadata of an image folder as one table: ``filepath`` is relative to the folder, ``split`` comes from folders.

    A path in ``file_name`` is relative to the folder of its file of metadata. The split of an image is its column
    ``split``, or, where no file has one, the first of its folders that is named like a split.

    Args:
        root: the folder.
        options: how the files are written.
        column: the column of paths; None is ``file_name``, or the only one that ends in ``_file_name``.

    Raises:
        InputError: there is no metadata, a file cannot be read, or its column of paths is not plain.
    """

    def __init__(self, root: Path, options: TableOptions, column: str | None = None) -> None:
        self.path = root
        self._words: Mapping[str, str] = getattr(options, "split", {})
        self._tables = [open_table(file, options=options) for file in find_metadata(root)]
        self._paths = [_path_column(table, root, column) for table in self._tables]
        self.typed = all(table.typed for table in self._tables)
        self.skipped: Counter[str] = Counter()
        self.ignored = {name: kind for table in self._tables for name, kind in table.ignored.items()}
        self.notes = [note for table in self._tables for note in table.notes]
        rest = [
            name
            for table, path in zip(self._tables, self._paths, strict=True)
            for name in table.columns
            if name != path
        ]
        names = tuple(dict.fromkeys(rest))
        self.columns = ("filepath", *(name for name in names if name != "filepath")) if any(self._paths) else names
        self._splits = "split" not in names and any(self._folder_split(path) for path in self._all_paths())
        if self._splits:
            self.columns = (*self.columns, "split")
        elif "split" not in names:
            self.notes += self._note_split_folders()

    def location(self, number: int) -> str:
        """Return the file, relative to the folder, and the number of a row, for messages."""
        file, row = divmod(number, _FILE_ROWS)
        return f"{self._tables[file].path.relative_to(self.path).as_posix()} row {row}"

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows of all files; append rows that cannot be used to ``problems``."""
        self.skipped = Counter()
        for at, (table, path_column) in enumerate(zip(self._tables, self._paths, strict=True)):
            positions = {name: place for place, name in enumerate(table.columns)}
            for row in table.rows(problems):
                cells: list[Cell] = [row.cells[positions[n]] if n in positions else None for n in self.columns]
                if path_column is not None:
                    path = self._path(table, row.cells[positions[path_column]])
                    cells[0] = path
                    if self._splits:
                        cells[-1] = self._folder_split(path or "")
                yield TableRow(at * _FILE_ROWS + row.number, cells)
            self.skipped += table.skipped

    def _path(self, table: InputTable, cell: Cell) -> str | None:
        """Return a path relative to the root."""
        text = as_text(cell)
        folder = table.path.parent.relative_to(self.path).as_posix()
        return text if text is None or folder == "." or os.path.isabs(text) or "://" in text else f"{folder}/{text}"  # noqa: PTH117

    def _note_split_folders(self) -> list[str]:
        """Return a note if words of several splits are in the names of folders, as in ``my_train`` and ``my_test``."""
        folders = {path.replace("\\", "/").partition("/")[0] for path in self._all_paths() if "/" in path}
        likes = {name: like.split for name in sorted(folders) if (like := split_like(name))}
        if len(set(likes.values())) < 2:
            return []
        options = " ".join(f"`split={name}={split}`" for name, split in likes.items())
        return [f"No sample has a split; if folders are splits, pass {options}."]

    def _folder_split(self, path: str) -> str | None:
        """Return the first folder of a path that is named like a split."""
        folders = path.replace("\\", "/").split("/")[:-1]
        return next((name for name in folders if name in self._words or split_name(name)), None)

    def _all_paths(self) -> Iterator[str]:
        for table, column in zip(self._tables, self._paths, strict=True):
            if column is not None:
                at = table.columns.index(column)
                yield from filter(None, (self._path(table, row.cells[at]) for row in table.rows([])))


def _path_column(table: InputTable, root: Path, given: str | None) -> str | None:
    """Return the column of paths of a file; None for a table of another kind that lies in the root."""
    if given is not None and given in table.columns:
        return given
    if FILE_NAME in table.columns:
        return FILE_NAME
    several = [name for name in table.columns if name.endswith(f"_{FILE_NAME}")]
    if len(several) == 1:
        return several[0]
    if several:
        raise InputError(
            f"{table.path} has several columns of images ({first_names(several, 5)}); say which one is meant with "
            f"`columns=filepath={several[0]}`."
        )
    if table.path.parent == root:
        return None
    raise InputError(
        f"{table.path} has no column {FILE_NAME}; it has: {list_columns(table.columns)}. Say which one holds the "
        "images with `columns=filepath=NAME`."
    )
