"""Conditions on rows. No other module writes SQL; conditions of users (``where``) are passed on unchanged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Equal: TypeAlias = Mapping[str, str | Collection[str]]
"""Column -> the value that it must have, or a collection that contains its value."""

MANY = 500
"""Highest number of values in a condition. Longer lists are split, or matched after reading, to bound the SQL text."""


def escape(text: str) -> str:
    """Return a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def equal_to(column: str, value: str) -> str:
    """Return the condition that a column has this value."""
    return f"{column} = {escape(value)}"


def one_of(column: str, values: Collection[str]) -> str:
    """Return the condition that a column has one of at least one values."""
    return f"{column} IN ({', '.join(escape(value) for value in values)})"


def some_of(column: str, values: Collection[str]) -> Iterator[str]:
    """Yield conditions like :func:`one_of`, each for at most :data:`MANY` of any number of values."""
    listed = list(values)
    for start in range(0, len(listed), MANY):
        yield one_of(column, listed[start : start + MANY])


def condition(equal: Equal, id_prefix: str | None = None) -> str | None:
    """Return one SQL condition for all columns; None if there are none, or a list of values is too long."""
    parts = []
    for column, value in equal.items():
        values = [value] if isinstance(value, str) else sorted(set(value))
        if not 0 < len(values) <= MANY:
            return None
        parts.append(equal_to(column, values[0]) if len(values) == 1 else one_of(column, values))
    if id_prefix is not None:
        pattern = id_prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        parts.append(f"id LIKE {escape(pattern + '%')}")
    return " AND ".join(parts) or None


def matching(rows: pa.Table, equal: Equal, id_prefix: str | None = None) -> pa.Table:
    """Filter rows in memory by the conditions of :func:`condition`; null is not equal to any value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column, value in equal.items():
        values = [value] if isinstance(value, str) else list(value)
        rows = rows.filter(pc.is_in(rows.column(column), value_set=pa.array(values, pa.string())))
    return rows if id_prefix is None else rows.filter(pc.starts_with(rows.column("id"), id_prefix))
