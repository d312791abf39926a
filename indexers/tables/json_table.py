"""Tables in JSON: one object per line (JSON Lines), or one array of objects."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from indexers.tables.base import Cell, TableRow, checked_header, row_location
from indexers.tables.text_file import TextFile
from retrieval.errors import InputError, first_names
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_ARRAY = 1 << 29
"""Characters. A larger array is refused, because it has to be read as a whole; JSON Lines have no limit."""


class JsonTable:
    """Objects in JSON, whose keys are the columns; a key that an object lacks is an empty cell.

    Columns with lists or objects are left out and named in ``ignored``.

    Args:
        path: the file.
        encoding: encoding of the text; None finds it.

    Raises:
        InputError: the file cannot be read, or holds JSON of another shape.
    """

    typed = False

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.skipped: Counter[str] = Counter()
        self._text = TextFile(path, encoding)
        self.notes = self._text.notes
        self._is_array = self._find_shape()
        keys: dict[str, None] = {}
        nested: dict[str, str] = {}
        problems: list[SourceProblem] = []
        for _, entry in self._objects(problems):
            for key, value in entry.items():
                keys[key] = None
                if isinstance(value, dict | list):
                    nested[key] = "lists" if isinstance(value, list) else "objects"
        if not keys.keys() - nested:
            self._refuse_object()
            first = f" ({problems[0].where} {problems[0].reason})" if problems else ""
            raise InputError(
                f"{path} holds no JSON objects of plain values{first}; it needs one per image: {_EXAMPLE}."
            )
        self.ignored = nested
        self.columns = checked_header(path, [key for key in keys if key not in nested])

    def location(self, number: int) -> str:
        """Return the file name and the number of a row, for messages."""
        return row_location(self.path, number)

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield a row per object; lines that are no object are appended to ``problems``."""
        self.skipped = Counter()
        for number, entry in self._objects(problems):
            cells: list[Cell] = [entry.get(name) for name in self.columns]
            yield TableRow(number, [cell.strip() if isinstance(cell, str) else cell for cell in cells])

    def _find_shape(self) -> bool:
        """Return whether the file is one array; otherwise it is objects on lines."""
        start = next((line.strip() for line in self._text.lines() if line.strip()), "")
        if not start:
            raise InputError(f"{self.path} is empty; it needs one JSON object per image: {_EXAMPLE}.")
        if start.startswith("["):
            return True
        try:
            parse_json(start)
        except ValueError:
            if start.startswith("{"):
                self._refuse_object()
        return False

    def _refuse_object(self) -> None:
        """Raise InputError if the file as a whole is one object, such as annotations of COCO."""
        try:
            content = parse_json(self._whole())
        except ValueError:
            return
        if isinstance(content, dict):
            raise InputError(
                f"{self.path} is one JSON object with {first_names(map(str, content), 5)}, not a list of objects; "
                f"write one object per image: {_EXAMPLE}."
            )

    def _whole(self) -> str:
        parts, size = [], 0
        for line in self._text.lines():
            parts.append(line)
            size += len(line)
            if size > LARGEST_ARRAY:
                raise InputError(
                    f"{self.path} is an array of over {LARGEST_ARRAY:,} characters; write one object per line (.jsonl)."
                )
        return "".join(parts)

    def _objects(self, problems: list[SourceProblem]) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._is_array:
            yield from self._array(problems)
            return
        for number, line in enumerate(self._text.lines(), 1):
            if not line.strip():
                self.skipped["blank lines"] += 1
                continue
            try:
                yield number, _object(parse_json(line))
            except ValueError as error:
                problems.append(SourceProblem(row_location(self.path, number), _reason(error), kind="damaged rows"))

    def _array(self, problems: list[SourceProblem]) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            entries = parse_json(self._whole())
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise InputError(f"{self.path} is not JSON: {where}: {error.msg}.") from None
        except ValueError as error:
            raise InputError(f"{self.path} cannot be read: it {_reason(error)}.") from None
        for number, entry in enumerate(entries, 1):
            try:
                yield number, _object(entry)
            except ValueError as error:
                problems.append(SourceProblem(row_location(self.path, number), _reason(error), kind="damaged rows"))


_EXAMPLE = '{"filepath": "a.jpg", "label": "oak"}'


def parse_json(text: str) -> Any:
    """Parse JSON; NaN becomes None.

    Raises:
        ValueError: the text is not JSON, repeats a key, is nested too deeply, or has numbers of thousands of digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"has the key '{twice}' twice")
    return entry


def checked_object(text: str) -> dict[str, Any]:
    """Parse a JSON object of valid text.

    Raises:
        ValueError: it is none; the message is the reason.
    """
    try:
        return _object(parse_json(text))
    except ValueError as error:
        raise ValueError(_reason(error)) from None


def _object(value: Any) -> dict[str, Any]:
    """Return a value that is an object of valid text.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - the content is wrong, not the caller
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("has half of a character (\\ud800 to \\udfff alone)") from None
    if any("\0" in text for text in value.values() if isinstance(text, str)):
        raise ValueError("holds a NUL character")
    return value


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON (column {error.colno}: {error.msg})"
    if "Exceeds the limit" in str(error):
        return "has a number of thousands of digits"
    return str(error)
