"""Read text, CSV, JSON and YAML files written by users, strictly and within limits."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from retrieval.errors import InputError, MissingFileError
from retrieval.limits import MOST_DEPTH, MOST_DIGITS, MOST_NODES, MOST_TEXT, MOST_YAML, check_text_size


def read_text(path: Path, what: str = "a text file", most: int = MOST_TEXT) -> str:
    """Read a UTF-8 file, with or without a byte order mark.

    Args:
        path: the file.
        what: what the file should contain, for messages.
        most: highest number of bytes.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file cannot be read, is larger than ``most``, or is not UTF-8.
    """
    try:
        check_text_size(path, most, what)
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
        raise InputError(f"{path} has the value {constant}, which is not JSON; write null or a number.")

    text = read_text(path, what)
    if not text.strip():
        raise InputError(f"{path} is empty; {what} in JSON is needed.")
    with _reading_json(path, what):
        content = json.loads(text, object_pairs_hook=unique_keys, parse_constant=refuse)
        json.dumps(content, ensure_ascii=False).encode()
    return content


@contextmanager
def _reading_json(path: Path, what: str) -> Iterator[None]:
    """Convert what the reader of JSON raises to :class:`InputError`."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not {what} in JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except UnicodeEncodeError:
        raise InputError(f"{path} has half of a character (\\ud800 to \\udfff alone); write it whole.") from None
    except RecursionError:
        raise InputError(
            f"{path} is nested too deeply for {what} (some hundred levels); take out what surrounds it."
        ) from None
    except InputError:
        raise
    except ValueError:
        raise InputError(
            f"{path} has a number of more than {MOST_DIGITS:,} digits; write it in quotation marks, as text."
        ) from None


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file, JSON included.

    Args:
        path: the file.
        what: what the file should contain, for messages, such as ``"a recipe"``.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is not YAML, has a key twice, or is beyond a limit of size, depth or expansion.
    """
    return parse_yaml(read_text(path, what, MOST_YAML), str(path))


def parse_yaml(text: str, where: str, *, unique_keys: bool = True) -> Any:
    """Parse YAML.

    Args:
        text: the document.
        where: the file, with which messages begin.
        unique_keys: whether a mapping with a key twice is an error; otherwise the last value counts.

    Raises:
        InputError: the text is not YAML, has a key twice, or is beyond a limit of depth or expansion.
    """
    try:
        _check_yaml(text, where)
        loader = (_UniqueKeys if unique_keys else yaml.SafeLoader)(text)
        try:
            return loader.get_single_data()
        except _RepeatedKeyError as error:
            raise InputError(f"{where}{error}") from None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not YAML ({' '.join(str(error).split())}).") from None
    except InputError:
        raise
    except ValueError as error:  # dates that do not exist, numbers of many digits
        reason = str(error).partition(";")[0]
        raise InputError(f"{where} has a value that cannot be read ({reason}); put it in quotation marks.") from None


class _RepeatedKeyError(Exception):
    """A mapping has a key twice; the text is what follows the name of the file."""


class _UniqueKeys(yaml.SafeLoader):
    """A loader of YAML that refuses a key twice in one mapping, of which YAML itself would keep the last.

    Mappings are checked as they are written, before a merge (``<<``) adds keys, which those beside it may replace.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, and check its keys."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line, value = key.start_mark.line + 1, self.construct_object(key)
            if value in lines:
                raise _RepeatedKeyError(
                    f", line {line}, has '{key.value}' again (first in line {lines[value]}), so one of them would be "
                    "lost; join them."
                )
            lines[value] = line
        return node


def _check_yaml(text: str, where: str) -> None:
    """Walk over a document without building it; count what its aliases stand for."""
    size = _YamlSize(where)
    for event in yaml.parse(text, yaml.SafeLoader):
        size.add(event)
        if len(size.open) > MOST_DEPTH:
            raise InputError(f"{where} has more than {MOST_DEPTH} levels of lists and mappings; take some out.")
        if size.values > MOST_NODES:
            raise InputError(
                f"{where} has more than {MOST_NODES:,} values, counting each alias (*name) as what it stands for; "
                "write a shorter one."
            )


class _YamlSize:
    """Counts the values of a document as its events come.

    ``values`` is their number so far; ``open`` are the lists and mappings that have not ended, each with its anchor and
    the number of values before it.
    """

    def __init__(self, where: str) -> None:
        self.values = 0
        self.open: list[tuple[str | None, int]] = []
        self._where = where
        self._named: dict[str | None, int] = {}

    def add(self, event: yaml.Event) -> None:
        """Count an event.

        Raises:
            InputError: a value contains itself.
        """
        match event:
            case yaml.AliasEvent(anchor=name):
                if any(name == other for other, _ in self.open):
                    raise InputError(f"{self._where} holds a value that contains itself (*{name}); write it out.")
                self.values += self._named.get(name, 1)
            case yaml.ScalarEvent(anchor=name):
                self.values += 1
                self._named[name] = 1
            case yaml.CollectionStartEvent(anchor=name):
                self.open.append((name, self.values))
                self.values += 1
            case yaml.CollectionEndEvent():
                name, before = self.open.pop()
                self._named[name] = self.values - before
