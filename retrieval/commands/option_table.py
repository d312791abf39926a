"""Tables of the options of a configuration: for the terminal, for JSON and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.config import Config
    from retrieval.fitted_table import FittedTable

Schema = Mapping[str, Any]

NEEDED = "(needed)"
HEADER = ("option", "values", "default", "meaning")
WORDS = {"integer": "whole number", "number": "number", "boolean": "true|false", "path": "path"}
PLURALS = {"number": "numbers", "whole number": "whole numbers", "text": "texts", "path": "paths"}


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option, in the notation of the command line.

    ``values`` describes its values (``number 0..1``, ``list of step|trapezoid``). ``default`` is empty for None and
    :data:`NEEDED` for an option without default.
    """

    name: str
    values: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class OptionSection:
    """Options under a title, which names their owner and their notation."""

    title: str
    options: tuple[OptionRow, ...]


def option_rows(config: type[Config], leave_out: frozenset[str] = frozenset()) -> list[OptionRow]:
    """Return the options of a configuration, in order of its fields; options of a group are named ``group.option``.

    Args:
        config: the class; every field has a description.
        leave_out: names of options that are not listed.
    """
    schema = config.model_json_schema()
    return [row for row in _rows(schema, schema.get("$defs", {}), "") if row.name not in leave_out]


def _rows(schema: Schema, groups: Mapping[str, Schema], prefix: str) -> Iterator[OptionRow]:
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        inner, path = _group(field, groups)
        if inner is not None:
            yield from _rows(inner, groups, f"{prefix}{name}{path}.")
            continue
        default = NEEDED if name in needed else written(field.get("default"))
        yield OptionRow(f"{prefix}{name}", _values(field), default, field.get("description", ""))


def _group(field: Schema, groups: Mapping[str, Schema]) -> tuple[Schema | None, str]:
    """Return schema and path of a field that is a group of options, or a mapping of names to groups; else None."""
    for way in field.get("anyOf", (field,)):
        if "$ref" in way:
            return groups[way["$ref"].rpartition("/")[2]], ""
        if isinstance(way.get("additionalProperties"), dict):
            inner, path = _group(way["additionalProperties"], groups)
            if inner is not None:
                return inner, f".NAME{path}"
    return None, ""


def written(value: object) -> str:
    """Format a default as on the command line: ``1,5,10``, ``true``; empty for None and empty lists."""
    if value is None or value in ([], {}, ()):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return ",".join(written(item) for item in value)
    return str(value)


def _values(field: Schema) -> str:
    """Describe the values of an option in words."""
    if "anyOf" in field:
        return " or ".join(_values(way) for way in field["anyOf"] if way.get("type") != "null")
    if "enum" in field or "const" in field:
        return "|".join(written(value) for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_many(field)}"
    if field.get("type") == "object":
        values = field.get("additionalProperties")
        return f"mapping of name to {_values(values)}" if isinstance(values, dict) else "mapping"
    return WORDS.get(field.get("format") or str(field.get("type")), "text") + _bounds(field)


def _many(field: Schema) -> str:
    """Describe the items of a list; tuples of fixed length have items of one type."""
    items = field.get("items") or field["prefixItems"][0]
    one = _values(items)
    noun = next((noun for noun in sorted(PLURALS, key=len, reverse=True) if one.startswith(noun)), None)
    return one if noun is None else PLURALS[noun] + one.removeprefix(noun)


def _bounds(field: Schema) -> str:
    low, above = field.get("minimum"), field.get("exclusiveMinimum")
    high, below = field.get("maximum"), field.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" {_number(low)}..{_number(high)}"
    bounds = [(">=", low), (">", above), ("<=", high), ("<", below)]
    shown = " and ".join(f"{sign} {_number(bound)}" for sign, bound in bounds if bound is not None)
    return f" {shown}" if shown else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def terminal_table(section: OptionSection) -> FittedTable:
    """Return the table for the terminal."""
    from retrieval.fitted_table import FittedTable

    table = FittedTable(section.title)
    for name in HEADER:
        table.add_column(name, "prose" if name in {"values", "meaning"} else "text")
    for row in section.options:
        table.add_row(*asdict(row).values())
    return table


def markdown_table(rows: Sequence[OptionRow]) -> str:
    """Return the table as Markdown for the documentation."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for row in rows:
        cells = (f"`{row.name}`", _cell(row.values), f"`{row.default}`" if row.default else "", _cell(row.meaning))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def print_sections(sections: Sequence[OptionSection], *, as_json: bool) -> None:
    """Print sections of options as tables, or as a JSON list of ``{"title": ..., "options": [...]}``."""
    from retrieval.commands.options import print_json, print_tables

    if as_json:
        print_json([asdict(section) for section in sections])
        return
    print_tables(map(terminal_table, sections))
