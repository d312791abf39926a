"""Lists of class names, as people keep them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from retrieval.errors import InputError
from retrieval.text_files import read_json, read_text


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class names: ``index<TAB>name`` in order of index, one name a line, or JSON.

    JSON is a list of names, ``{"name": index}``, ``{"index": "name"}``, or a prompt set, whose classes are taken.
    Indexes count up from 0 without gaps.

    Raises:
        MissingFileError: there is no such file.
        InputError: there is no name in it, one is there twice, or an index is missing.
    """
    names = _from_json(path) if path.suffix.lower() == ".json" else _from_lines(path)
    if not names:
        raise InputError(f"{path} has no class name.")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path} has the class '{name}' {times} times; keep it once.")
    return tuple(names)


def _from_lines(path: Path) -> list[str]:
    rows = [line.split("\t") for line in read_text(path).splitlines() if line.strip()]
    numbered = [len(row) > 1 and row[0].strip().isdecimal() for row in rows]
    if rows and all(numbered):
        pairs = sorted((int(row[0]), row[1].strip()) for row in rows)
        if not all(name for _, name in pairs):
            raise InputError(f"{path} has an index without a name.")
        _require_counted(path, [index for index, _ in pairs])
        return [name for _, name in pairs]
    if any(numbered):  # a header, say: taken as names, its indexes would be classes
        raise InputError(
            f"{path} has lines of index, tab, name, but '{rows[numbered.index(False)][0]}' is no index; take that out."
        )
    return [row[0].strip() or row[-1].strip() for row in rows]


def _from_json(path: Path) -> list[str]:
    content = read_json(path, "a list of class names")
    if isinstance(content, dict):
        if all(key.isdecimal() for key in content):
            _require_counted(path, sorted(map(int, content)))
            content = [content[key] for key in sorted(content, key=int)]
        elif all(isinstance(value, int) and not isinstance(value, bool) for value in content.values()):
            _require_counted(path, sorted(content.values()))
            content = sorted(content, key=content.__getitem__)
        else:
            content = list(content)
    if not isinstance(content, list) or not all(isinstance(name, str) and name.strip() for name in content):
        raise InputError(f"{path} is not a list of class names in JSON: {json.dumps(content)[:60]}.")
    return content


def _require_counted(path: Path, indexes: list[int]) -> None:
    for place, index in enumerate(indexes):
        if index != place:
            problem = f"index {index} twice" if index < place else f"no index {place}"
            raise InputError(f"{path} has {problem}; indexes of classes are 0, 1, 2, ...")
