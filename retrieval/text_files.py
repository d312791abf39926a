"""Reads text, CSV and JSON files strictly; a file that cannot be used raises an error of one sentence."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from retrieval.errors import InputError, MissingFileError


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without a byte order mark.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8.") from None


def read_csv(
    path: Path, check_header: Callable[[Sequence[str]], None], *, delimiter: str | None = ",", fill: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV file in UTF-8, with or without a byte order mark, row by row.

    Args:
        path: the file.
        check_header: called with the names of the columns; raises where they do not fit.
        delimiter: what separates cells; None is a tab where the first line has one, else a comma.
        fill: whether cells that a row lacks are empty text; otherwise such a row is refused.

    Yields:
        The number of a row's last line, from 1, and its cells by column; spaces around both are removed. Empty lines
        are skipped.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is not CSV in UTF-8, or a row has another number of cells than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if delimiter is None:
                delimiter = "\t" if "\t" in file.readline() else ","
                file.seek(0)
            reader = csv.DictReader(file, strict=True, delimiter=delimiter, restval="" if fill else None)
            columns = [name.strip() for name in reader.fieldnames or ()]
            check_header(columns)
            reader.fieldnames = columns
            for row in reader:
                if None in row or None in row.values():
                    raise InputError(
                        f"{path}, row {reader.line_num}: has another number of cells than the header; put a cell "
                        "with commas between quotation marks."
                    )
                yield reader.line_num, {name: cell.strip() for name, cell in row.items()}
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from None


def read_json(path: Path, what: str) -> Any:
    """Read JSON strictly: a key is given once, NaN and text that cannot be written are refused.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is not such JSON; ``what`` says in the message what it should have been.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"{path} has '{key}' twice, so one of them would be lost; join them.")
            found[key] = value
        return found

    def refuse(constant: str) -> None:
        raise InputError(f"{path} has the value {constant}, which is no text.")

    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path} is empty; {what} in JSON is needed.")
    try:
        content = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
        json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not {what} in JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except UnicodeEncodeError:
        raise InputError(f"{path} has half of a character (\\ud800 to \\udfff alone); write it whole.") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply for {what}.") from None
    return content
