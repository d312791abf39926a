"""Files that name classes: one reader for the outputs of a classifier and for label universes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.errors import InputError, MissingFileError

FORMS = "one name a line, lines of INDEX<TAB>NAME, or JSON: a list of names, {name: index} or {index: name}"


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the names of classes in the order of their indexes.

    The file has one name a line (the first is class 0), or lines of index, tab, name in any order, or is JSON: a list
    of names, ``{name: index}`` or ``{index: name}``. Indexes start at 0 and leave nothing out.

    Raises:
        MissingFileError: there is no such file.
        InputError: it has no names, another form, a name or an index twice, or a gap in its indexes.
    """
    text = _text(path)
    names = _from_json(path, text) if text.lstrip().startswith(("[", "{")) else _from_lines(path, text)
    if not names:
        raise InputError(f"{path} names no class; give {FORMS}.")
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name:
            raise InputError(f"{path}: class {index} has an empty name; every class needs one.")
        if name in seen:
            raise InputError(f"{path}: '{name}' names class {seen[name]} and class {index}; names must differ.")
        seen[name] = index
    return names


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file of class names; give {FORMS}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8; save the class names as UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file of class names.") from None


def _from_lines(path: Path, text: str) -> tuple[str, ...]:
    lines = text.rstrip().splitlines()
    if not any("\t" in line for line in lines):
        names = tuple(line.strip() for line in lines)
        if "" in names:
            raise InputError(
                f"{path}: line {names.index('') + 1} is blank, so that the classes after it may be off by one."
            )
        return names
    pairs = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            index, _, rest = line.partition("\t")
            pairs.append((_index(index.strip(), f"{path}, line {number}"), rest.partition("\t")[0].strip()))
    return _in_order(path, pairs)


def _from_json(path: Path, text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text, object_pairs_hook=tuple)  # an object as pairs: a name given twice stays visible
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON ({error}); give {FORMS}.") from None
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return tuple(name.strip() for name in found)
    if isinstance(found, tuple) and all(_is_index(value) for _, value in found):
        return _in_order(path, [(value, key.strip()) for key, value in found])
    if isinstance(found, tuple) and all(isinstance(value, str) for _, value in found):
        return _in_order(path, [(_index(key.strip(), str(path)), value.strip()) for key, value in found])
    raise InputError(f"{path} is JSON of another form; give {FORMS}.")


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _index(text: str, where: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InputError(f"{where}: '{text}' is not the index of a class; give {FORMS}.")
    return int(text)


def _in_order(path: Path, pairs: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Names by index, after checking that the indexes are 0, 1, ... without a gap."""
    by_index: dict[int, str] = {}
    for index, name in pairs:
        if index in by_index:
            raise InputError(f"{path}: index {index} is given to '{by_index[index]}' and to '{name}'; give each once.")
        by_index[index] = name
    gap = next((index for index in range(len(pairs)) if index not in by_index), None)
    if gap is not None:
        raise InputError(
            f"{path}: indexes must run from 0 to {len(pairs) - 1} for its {len(pairs)} names, but {gap} is missing."
        )
    return tuple(by_index[index] for index in range(len(pairs)))
