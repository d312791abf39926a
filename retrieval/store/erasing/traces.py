"""Search every file of a store for what was forgotten: bytes as they lie, and cells of text, decoded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import StoreError
from retrieval.progress import progress
from retrieval.store.erasing.byte_search import ANCHOR, ByteSearch
from retrieval.store.erasing.marker import FORGETTING
from retrieval.store.lance import read_data_file

if TYPE_CHECKING:
    from retrieval.store.forgotten import ForgottenRecord

TEXT_COLUMNS = {"id": "id", "sample": "id", "key": "key", "content": "key", "uri": "uri", "identity": "identity"}
"""Columns of tables -> what their texts are."""


class CellSearch(Protocol):
    """Says in which columns of some rows of a table something stands that should not, and what."""

    def __call__(self, table: str, rows: pa.Table) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Trace:
    """Something in a file of a store: the file, relative to the store, its column or its bytes, and what it is."""

    file: str
    what: str
    column: str = ""
    string: bytes = b""

    def __str__(self) -> str:
        where = f"{self.file}, column {self.column}" if self.column else self.file
        return f"{self.what} in {where}"


class Searched(NamedTuple):
    """What a search read: numbers of files and bytes, and what it came across."""

    files: int
    size: int
    traces: tuple[Trace, ...]


def search_store(
    folder: Path, strings: Mapping[bytes, str], cells: Iterable[CellSearch], *, quiet: bool = False
) -> Searched:
    """Search all files of a store.

    Args:
        folder: folder of the store.
        strings: bytes, of at least :data:`ANCHOR`, and what they are.
        cells: searches of the cells of all data files, also of those that no version names.
        quiet: whether to show no progress.
    """
    searches = list(cells)
    raw = ByteSearch(strings)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FORGETTING)
    traces: dict[Trace, None] = {}
    size = 0
    with progress("search files", len(paths), quiet=quiet) as bar:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            with suppress(FileNotFoundError):  # tags of readers come and go
                size += path.stat().st_size
                for string in raw.search(path):
                    traces[Trace(name, strings[string], string=string)] = None
            if path.suffix == ".lance" and path.parent.name == "data":
                for column, what in _in_cells(path, searches):
                    traces[Trace(name, what, column)] = None
            bar.advance()
    return Searched(len(paths), size, tuple(traces))


def _in_cells(path: Path, searches: Iterable[CellSearch]) -> Iterator[tuple[str, str]]:
    table = path.parent.parent.stem
    try:
        for rows in read_data_file(path, _has_texts):
            texts = _texts(rows)
            for search in searches:
                yield from search(table, texts)
    except StoreError as error:
        if path.exists():  # a killed evaluation left a part of a file; its bytes were searched
            yield "", f"a file that cannot be decoded ({error})"


def _has_texts(kind: pa.DataType) -> bool:
    return _is_text(kind) or (pa.types.is_list(kind) and _is_text(kind.value_type))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _texts(rows: pa.Table) -> pa.Table:
    """Return columns of lists as columns of texts: a line for each item."""
    columns = {field.name: rows.column(field.name) for field in rows.schema}
    return pa.table(
        {name: _joined(column) if pa.types.is_list(column.type) else column for name, column in columns.items()}
    )


def _joined(lists: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if row is None else "\n".join(map(str, row)) for row in lists.to_pylist()], pa.string())


def names_in_columns(texts: Mapping[str, Collection[str]]) -> CellSearch:
    """Return a search for ids, keys, uris and identities (the keys of ``texts``) in the columns that have them."""
    sets = {kind: pa.array(sorted(values), pa.string()) for kind, values in texts.items()}

    def search(table: str, rows: pa.Table) -> Iterator[tuple[str, str]]:
        del table
        for column in rows.column_names:
            kind = TEXT_COLUMNS.get(column)
            if kind in sets:
                hits = pc.is_in(rows.column(column).cast(pa.string()), value_set=sets[kind])
                for text in rows.column(column).filter(hits).unique().to_pylist():
                    yield column, f"{kind} {text}"

    return search


def recorded_names(record: ForgottenRecord) -> CellSearch:
    """Return a search for ids and keys whose hashes are on the record of forgotten samples."""

    def search(table: str, rows: pa.Table) -> Iterator[tuple[str, str]]:
        if table == "forgotten":
            return
        for column in rows.column_names:
            texts = rows.column(column).drop_null().unique().to_pylist()
            if column in {"id", "sample"}:
                yield from ((column, f"forgotten sample {sample}") for sample in sorted(record.ids_of(texts)))
            elif column == "key":
                yield from ((column, f"key {key} of a forgotten sample") for key in sorted(record.keys_of(texts)))

    return search


def texts_anywhere(texts: Iterable[str]) -> CellSearch:
    """Return a search for texts in every column: as a cell, or as a word of one unless they are short."""
    patterns = {text: _word(text) for text in texts}

    def search(table: str, rows: pa.Table) -> Iterator[tuple[str, str]]:
        del table
        for column in rows.column_names:
            for text, pattern in patterns.items():
                if pc.any(pc.match_substring(rows.column(column), text)).as_py():
                    cells = rows.column(column).filter(pc.match_substring(rows.column(column), text)).to_pylist()
                    count = sum(pattern.search(cell) is not None for cell in cells)
                    if count:
                        yield column, text

    return search


SHORT = 4
"""Characters below which a text is compared with whole cells and items only."""


def _word(text: str) -> re.Pattern[str]:
    if len(text) < SHORT:
        return re.compile(rf"^{re.escape(text)}$", re.MULTILINE)
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def raw_strings(texts: Iterable[str]) -> dict[bytes, str]:
    """Return texts as bytes to search for; those of less than :data:`ANCHOR` bytes are left out."""
    return {text.encode(): text for text in texts if len(text.encode()) >= ANCHOR}
