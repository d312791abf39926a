"""Read class names: files of a label universe, a classifier's outputs or prompts, and those of detectors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from retrieval.errors import InputError
from retrieval.text_files import read_json, read_text


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class names, ordered by index.

    The file has lines ``index<TAB>name``, one name per line, or is JSON: a list of names, ``{"name": index}``,
    ``{"index": "name"}``, or a prompt set (``{"name": [prompt, ...]}``), of which the keys are read. Indexes are 0, 1,
    2, ... without gaps, as numbers or all as texts. Where lines of names have tabs, the name is the first column, or
    the last if the first is empty.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file has no name, repeats a name, lacks an index, or is a JSON object of something else.
    """
    names = _from_json(path) if path.suffix.lower() == ".json" else _from_lines(path)
    if not names:
        raise InputError(f"{path} has no class name.")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise InputError(f"{path} has the class '{name}' {count} times; keep it once.")
    return tuple(names)


def _from_lines(path: Path) -> list[str]:
    rows = [line.split("\t") for line in read_text(path).splitlines() if line.strip()]
    numbered = [len(row) > 1 and row[0].strip().isdecimal() for row in rows]
    if rows and all(numbered):
        pairs = sorted((int(row[0]), row[1].strip()) for row in rows)
        if not all(name for _, name in pairs):
            raise InputError(f"{path} has an index without a name.")
        _check_indexes(path, [index for index, _ in pairs])
        return [name for _, name in pairs]
    if any(numbered):  # One line is probably a header. If all lines were read as names, indexes would become classes.
        raise InputError(
            f"{path} has lines of index, tab, name, but '{rows[numbered.index(False)][0]}' is no index; take that out."
        )
    return [row[0].strip() or row[-1].strip() for row in rows]


def _from_json(path: Path) -> list[str]:
    content = read_json(path, "a list of class names")
    if isinstance(content, dict):
        if all(key.isdecimal() for key in content):
            _check_indexes(path, sorted(map(int, content)))
            content = [content[key] for key in sorted(content, key=int)]
        elif indexes := index_values(content):
            _check_indexes(path, sorted(indexes.values()))
            content = sorted(indexes, key=indexes.__getitem__)
        else:
            _require_prompts(path, content)
            content = list(content)
    if not isinstance(content, list) or not all(isinstance(name, str) and name.strip() for name in content):
        raise InputError(f"{path} is not a list of class names in JSON: {json.dumps(content)[:60]}.")
    return content


def index_values(content: Mapping[str, object]) -> dict[str, int] | None:
    """Indexes by name if all values of a JSON object are whole numbers, or all are texts of digits; else None."""
    values = list(content.values())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return {name: value for name, value in content.items() if isinstance(value, int)}
    if values and all(isinstance(value, str) and value.strip().isdecimal() for value in values):
        return {name: int(value) for name, value in content.items() if isinstance(value, str)}
    return None


def _require_prompts(path: Path, content: Mapping[str, object]) -> None:
    """Raise InputError unless all values are texts or lists of texts, of which none is an index."""
    for name, value in content.items():
        texts = value if isinstance(value, list) else [value]
        if all(isinstance(text, str) for text in texts) and not (isinstance(value, str) and value.strip().isdecimal()):
            continue
        shown = json.dumps(value, ensure_ascii=False)[:40]
        raise InputError(
            f"{path}: class '{name}' has {shown}, which is no list of prompts, and the file is no list of indexes "
            'either; write {"name": index, ...} with whole numbers, or {"name": ["a prompt", ...], ...}.'
        )


def _check_indexes(path: Path, indexes: list[int]) -> None:
    """Raise InputError unless sorted indexes are 0, 1, 2, ..."""
    for expected, index in enumerate(indexes):
        if index != expected:
            problem = f"index {index} twice" if index < expected else f"no index {expected}"
            raise InputError(f"{path} has {problem}; indexes of classes are 0, 1, 2, ...")


def numbered_names(names: object) -> dict[int, str]:
    """Return names of a detector's classes by number, from a list or a mapping of numbers; empty of anything else.

    Raises:
        ValueError: a key of the mapping is no number; the message is the reason.
    """
    listed = dict(enumerate(names)) if isinstance(names, list | tuple) else names
    numbered: dict[int, str] = {}
    for key, name in listed.items() if isinstance(listed, dict) else ():
        if not str(key).isdecimal():
            raise ValueError(f"'{key}' in its names is not the number of a class; count from 0")
        numbered[int(key)] = str(name).strip()
    return numbered
