"""Read tables of text, JSON and Parquet row by row, and infer the types of metadata columns from all of their values.

Tables are streamed: every call of :meth:`InputTable.rows` reads the file again, and only an array of JSON is held in
memory. Cells of a text table are stripped text; those of JSON and Parquet are Python values.
"""

from indexers.tables.base import Cell, InputTable, TableRow, list_columns, row_location
from indexers.tables.columns import MetaColumn, as_text, cell_kind, find_columns, meta_columns, plain_value, snake_case
from indexers.tables.dialect import DELIMITERS
from indexers.tables.json_table import checked_object
from indexers.tables.opening import (
    DESCRIBING,
    PARQUET,
    TABLE_SUFFIXES,
    TableOptions,
    is_table,
    open_table,
    table_suffix,
)
from indexers.tables.parquet_table import ParquetTable, reading_parquet
from indexers.tables.times import TimeColumn, as_time, check_format, find_time_format

__all__ = [
    "DELIMITERS",
    "DESCRIBING",
    "PARQUET",
    "TABLE_SUFFIXES",
    "Cell",
    "InputTable",
    "MetaColumn",
    "ParquetTable",
    "TableOptions",
    "TableRow",
    "TimeColumn",
    "as_text",
    "as_time",
    "cell_kind",
    "check_format",
    "checked_object",
    "find_columns",
    "find_time_format",
    "is_table",
    "list_columns",
    "meta_columns",
    "open_table",
    "plain_value",
    "reading_parquet",
    "row_location",
    "snake_case",
    "table_suffix",
]
