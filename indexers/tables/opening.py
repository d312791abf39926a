"""Open a table by the suffix of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from indexers.tables.dialect import NAMES, TEXT_SUFFIXES
from indexers.tables.json_table import JsonTable
from indexers.tables.parquet_table import ParquetTable
from indexers.tables.text_table import TextTable
from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError, first_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from indexers.tables.base import InputTable

PARQUET = (".parquet", ".pq")
JSON = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, *JSON, *PARQUET)
DESCRIBING = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", *PARQUET)
"""Suffixes of files that describe the images beside them; a ``.txt`` may be a licence, a ``.json`` anything."""

_UNREAD = {
    ".xlsx": "it is a spreadsheet; save it as CSV UTF-8",
    ".xls": "it is a spreadsheet; save it as CSV UTF-8",
    ".ods": "it is a spreadsheet; save it as CSV UTF-8",
    ".pkl": "pickles are never opened, because they can run code; write a CSV or Parquet file",
    ".feather": "write it as Parquet",
    ".arrow": "write it as Parquet",
    ".zip": "unpack it first",
}


class TableOptions(Config):
    """How a table is written; what is not given is found."""

    encoding: str | None = Field(
        default=None, description="Encoding of a text table, such as cp1252, gbk or utf-16. Without it, found."
    )
    quoting: Literal["auto", "csv", "none"] = Field(
        default="auto",
        description="Whether quotation marks enclose cells (csv) or are text (none). auto is the reading by which all "
        "rows are as wide as the header.",
    )
    delimiter: str | None = Field(
        default=None,
        description="Character between cells, or its name: tab, comma, semicolon, pipe, space. Without it, found.",
    )

    @field_validator("delimiter")
    @classmethod
    def _character(cls, value: str | None) -> str | None:
        character = {name: character for character, name in NAMES.items()}.get(value or "", value)
        if character is not None and (len(character) != 1 or character in "\r\n\"'#"):
            raise ValueError(f"delimiter takes one character, or {', '.join(NAMES.values())}")
        return character


def table_suffix(path: Path) -> str:
    """Return the suffix of a table in lower case: ``.csv`` of ``a.CSV`` and of ``a.csv.gz``."""
    name = path.name.lower().removesuffix(".gz")
    return name[name.rfind(".") :] if "." in name else ""


def is_table(path: Path) -> bool:
    """Return whether a name has the suffix of a table."""
    return table_suffix(path) in TABLE_SUFFIXES


def open_table(path: Path, without: Iterable[str] = (), options: TableOptions | None = None) -> InputTable:
    """Open a table and check its header.

    Args:
        path: a table of text (``.csv``, ``.tsv``, ``.txt``, ...), of JSON (``.jsonl``, ``.json``) or Parquet. Text and
            JSON may be packed by gzip.
        without: names of Parquet columns to skip, such as the column of vectors.
        options: encoding, quoting and delimiter of a text table.

    Raises:
        MissingFileError: there is no such file.
        InputError: the file has another suffix, is empty or damaged, or repeats a column name.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a table; {_tables_in(path)}.")
    if not path.is_file():
        raise MissingFileError(f"There is no table {path}.")
    options = options or TableOptions()
    suffix = table_suffix(path)
    if suffix in TEXT_SUFFIXES:
        return TextTable(path, suffix, options.encoding, options.quoting, options.delimiter)
    if suffix in JSON:
        return JsonTable(path, options.encoding)
    if suffix in PARQUET:
        return ParquetTable(path, frozenset(without))
    why = _UNREAD.get(suffix, f"give one that ends in {', '.join(TABLE_SUFFIXES)}")
    raise InputError(f"{path} is not a table that can be read: {why}.")


def _tables_in(folder: Path) -> str:
    """Say which tables lie in a folder."""
    try:
        tables = sorted(entry.name for entry in folder.iterdir() if is_table(entry))
    except OSError:
        tables = []
    return f"name one in it: {first_names(tables)}" if tables else "name a file"
