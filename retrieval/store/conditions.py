"""Conditions on rows: the one place that writes SQL. Texts of users (``--where``) pass through as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Equal: TypeAlias = Mapping[str, str | Collection[str]]
"""Columns to the value they must have, or to values of which they must have one."""

MANY = 500
"""Values per condition: longer lists are cut, or matched after reading, so that no SQL text grows without bound."""


def escape(text: str) -> str:
    """Write a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def equal_to(column: str, value: str) -> str:
    """The condition that a column has this value."""
    return f"{column} = {escape(value)}"


def one_of(column: str, values: Collection[str]) -> str:
    """The condition that a column has one of these values; there is at least one."""
    return f"{column} IN ({', '.join(escape(value) for value in values)})"


def some_of(column: str, values: Collection[str]) -> Iterator[str]:
    """Conditions that together say :func:`one_of` for any number of values, each for at most :data:`MANY`."""
    listed = list(values)
    for start in range(0, len(listed), MANY):
        yield one_of(column, listed[start : start + MANY])


def condition(equal: Equal, id_prefix: str | None = None) -> str | None:
    """One condition for all; None where there is nothing to ask, or a list too long for SQL."""
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
    """Filter rows that were read already by the same conditions; null matches nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column, value in equal.items():
        values = [value] if isinstance(value, str) else list(value)
        rows = rows.filter(pc.is_in(rows.column(column), value_set=pa.array(values, pa.string())))
    return rows if id_prefix is None else rows.filter(pc.starts_with(rows.column("id"), id_prefix))
