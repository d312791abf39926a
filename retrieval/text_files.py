"""Read text, CSV and JSON files written by users, strictly."""

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
        MissingFileError: the file does not exist.
        InputError: the file cannot be read, or is not UTF-8.
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
        check_header: called with the names of the columns; raises an error if they are invalid.
        delimiter: separator of cells; None is a tab if the first line has one, else a comma.
        fill: whether missing cells at the end of a row are empty text; otherwise they are an error.

    Yields:
        The number of a row's last line, from 1, and its cells by column, without spaces around them. Empty lines are
        skipped.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is not CSV in UTF-8, or a row has another number of cells than the header.
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
    """Read JSON strictly: repeated keys, NaN, infinities and unpaired surrogates are errors.

    Args:
        path: the file.
        what: what the file should contain, for messages, such as ``"a list of class names"``.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is not such JSON.
    """

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise InputError(f"{path} has '{key}' twice, so one of them would be lost; join them.")
            content[key] = value
        return content

    def refuse(constant: str) -> None:
        raise InputError(f"{path} has the value {constant}, which is no text.")

    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path} is empty; {what} in JSON is needed.")
    try:
        content = json.loads(text, object_pairs_hook=unique_keys, parse_constant=refuse)
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
