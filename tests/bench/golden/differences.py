"""What differs between two recordings: a table of what may, and a comparison of everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

IGNORED: dict[str, str] = {
    r"(.*\.)?created": "when it was made",
    r"(.*\.)?committed": "when it was made",
    r"(.*\.)?seconds": "time",
    r"(.*\.)?(store_version|commit)": "how many commits a store took",
    r".*\.vitrine": "version of Vitrine",
    r"printed\.bytes\..*": "size on disk (info)",
    r"printed\.tables\..*": "versions of the tables (info)",
    r"printed(\[\d+\])?\.(id|sha256)": "hash of a whole result file, created included (results)",
    r"argv.*|expected_exit|tolerance|name|files\[.*": "the case itself",
}
"""JSON paths (whole, as a regular expression) that may differ, and why."""

RENAMED: dict[str, str] = {}
"""Old JSON path (regular expression) -> new path (replacement), for keys that have another name now."""

EXPECTED: dict[str, str] = {
    r"(.*\.)?schema_version": "1 -> 2: result schema 2",
}
"""JSON paths that are known to change on purpose, and why; they are counted and listed, not failures."""

WORDING: dict[str, str] = {
    r"said\[\d+\]|said": "what is said beside the result",
    r".*\.?warnings\[\d+\]": "warnings",
    r".*\.(message|detail)": "sentences of audit and verify",
    r"printed\.(a|b)": "how compare words what it compares",
}
"""Texts for people: that they differ is reported, and is no failure. How many warnings there are is compared."""

IDENTIFIERS: dict[str, str] = {
    r".*split_sha256|.*split_set": "hash of sample ids",
    r".*\.(id|sample)": "sample ids",
    r".*(space_fingerprint|bank_sha256|fingerprint)": "identity of a space or bank",
    r".*\.space|.*\.spaces\[\d+\]\.name": "name of a space, which holds the beginning of its fingerprint",
    r".*\.config\.(arms|bank)\[\d+\]": "arms, which name spaces and banks by their fingerprint",
}
"""What ``--ids-changed`` lets differ: names made of sample ids and fingerprints."""

CUSTOM = "custom, from "


class Difference(NamedTuple):
    """A place where two recordings of a case differ: ``kind`` is the table it belongs to."""

    path: str
    old: object
    new: object
    kind: str


@dataclass
class Comparer:
    """Compares recorded cases; ``ids_changed``: names made of ids may differ.

    ``values`` counts what was compared, ``largest`` is the largest difference of two floats that count as equal.
    """

    ids_changed: bool = False
    values: int = 0
    largest: float = 0.0

    def differences(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
        """Every place where the two differ, additions in the new one included; of another exit status only that."""
        if old["exit"] != new["exit"]:
            yield Difference("exit", old["exit"], f"{new['exit']}: {' '.join(new['said'])[:200]}", "changed")
            return
        yield from self._walk(_departures(renamed(old)), _departures(new), "", float(old["tolerance"]))

    def _walk(self, old: object, new: object, path: str, tolerance: float) -> Iterator[Difference]:
        if _matches(IGNORED, path):
            return
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            for key in [*old, *(key for key in new if key not in old)]:
                place = f"{path}.{key}" if path else str(key)
                if key not in new:
                    yield from self._found(place, old[key], None, "lost")
                elif key not in old:
                    yield from self._found(place, None, new[key], "added")
                else:
                    yield from self._walk(old[key], new[key], place, tolerance)
        elif isinstance(old, list) and isinstance(new, list):
            if len(old) != len(new):
                yield from self._found(path, f"{len(old)} items", f"{len(new)} items", "changed")
            for at, (one, other) in enumerate(zip(old, new, strict=False)):
                yield from self._walk(one, other, f"{path}[{at}]", tolerance)
        elif not self._equal(old, new, tolerance):
            yield from self._found(path, old, new, "changed")

    def _equal(self, old: object, new: object, tolerance: float) -> bool:
        """Floats within the tolerance; all else is the same value of the same type (1 and 1.0 are not)."""
        self.values += 1
        if isinstance(old, float) and isinstance(new, float):
            apart = abs(old - new)
            if apart <= tolerance:
                self.largest = max(self.largest, apart)
            return apart <= tolerance
        return type(old) is type(new) and old == new

    def _found(self, path: str, old: object, new: object, kind: str) -> Iterator[Difference]:
        if _matches(IGNORED, path):
            return
        tables = [("expected", EXPECTED), ("wording", WORDING), *([("ids", IDENTIFIERS)] if self.ids_changed else [])]
        named = next((name for name, table in tables if kind != "added" and _matches(table, path)), kind)
        yield Difference(path, old, new, named)


def is_failure(difference: Difference) -> bool:
    """Whether a number, or something else that must stay, is lost or changed."""
    return difference.kind in {"lost", "changed"}


def renamed(case: Mapping[str, Any]) -> dict[str, Any]:
    """The old case with its keys under their new names (:data:`RENAMED`)."""
    if not RENAMED:
        return dict(case)
    found: dict[str, Any] = {}
    for path, value in _leaves(case, ()):
        text = ".".join(map(str, path))
        for pattern, replacement in RENAMED.items():
            text = re.sub(f"^{pattern}$", replacement, text)
        _put(found, text.split(".") if text != ".".join(map(str, path)) else path, value)
    return found


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Values that are no mappings, with their path; lists are leaves."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _put(into: dict[str, Any], path: Sequence[str], value: object) -> None:
    for key in path[:-1]:
        into = into.setdefault(key, {})
    into[path[-1]] = value


def _departures(value: Any) -> Any:
    """Give ``protocol`` one form: "custom, from X" (schema 1), "custom" with ``departs_from`` X (2): X and a mark."""
    if isinstance(value, list):
        return [_departures(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: _departures(inner) for key, inner in value.items()}
    protocol = found.get("protocol")
    if isinstance(protocol, str):
        origin = found.get("departs_from")
        custom = protocol.startswith(CUSTOM) or bool(origin)
        found["protocol"] = protocol.removeprefix(CUSTOM)
        if protocol == "custom" and origin:
            found["protocol"] = origin
        if "schema_version" in found:
            found["departs"] = custom
    return found


def _matches(table: Mapping[str, str], path: str) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in table)
