"""Take the names of forgotten samples out of results, and say in a result that samples of it were forgotten."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

NOTE = "Samples of this evaluation were forgotten after it; its numbers were computed with them."
MAYBE = "Samples that this evaluation may have used were forgotten after it."

BY_CLASS = {"per_class", "confusion", "slices", "label_universe"}
"""Parts of a result in which classes or slices are named."""

NUMBERS = {"schema_version", "task", "mode", "metrics", "draws", "n", "cmc", "provenance", "created"}
"""Parts of a result that name nobody."""

SHORT = 4
"""Characters below which an identity is replaced in sentences only where it stands in quotation marks."""


class Redaction:
    """Replaces names by ``(forgotten 1)``, ``(forgotten 2)``, ... in results.

    Args:
        texts: ids and paths, which are replaced wherever they occur.
        identities: names of identities of whom no sample is left. They are replaced where a result names identities,
            and in sentences where they stand as a word.
    """

    def __init__(self, texts: Collection[str], identities: Collection[str]) -> None:
        self._identities = sorted(identities)
        self._texts = sorted(texts)

    def of(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result with names replaced; equal to the given one if it names nothing."""
        whole = "\n".join(_strings(result))
        texts = [text for text in self._texts if text in whole]
        names = [name for name in self._identities if name in whole]
        if not texts and not names:
            return dict(result)
        taken = max(map(int, re.findall(r"\(forgotten (\d+)\)", whole)), default=0)  # by an earlier run
        new_names = {name: f"(forgotten {at})" for at, name in enumerate(names, taken + 1)}
        words = [(rf"(?<![\w./-]){re.escape(text)}(?![\w/-])", "(forgotten)") for text in texts]
        words += [(_as_word(name), new) for name, new in new_names.items()]
        exact = new_names if _names_identities(result) else {}
        pattern = [(re.compile(word), new) for word, new in sorted(words, key=lambda word: -len(word[0]))]
        return {
            part: value if part in NUMBERS else _replaced(value, exact if part in BY_CLASS else {}, pattern)
            for part, value in result.items()
        }


def _as_word(name: str) -> str:
    quoted = rf"(?<=['\"]){re.escape(name)}(?=['\"])"
    return quoted if len(name) < SHORT else rf"(?<![\w.]){re.escape(name)}(?![\w])"


def _names_identities(result: Mapping[str, Any]) -> bool:
    """Return whether classes or slices of a result are identities."""
    if result.get("task") in {"ranking", "verification"}:
        return True
    config = result.get("config") or {}
    return "identity" in {config.get("target"), config.get("given")}


def _strings(value: object) -> Iterator[str]:
    """Yield all texts in JSON data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _replaced(value: Any, exact: Mapping[str, str], pattern: list[tuple[re.Pattern[str], str]]) -> Any:
    """Replace texts in JSON data, and keys."""
    if isinstance(value, str):
        if value in exact:
            return exact[value]
        for words, new in pattern:
            value = words.sub(new, value)
        return value
    if isinstance(value, Mapping):
        return {_replaced(key, exact, pattern): _replaced(item, exact, pattern) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, exact, pattern) for item in value]
    return value


def with_note(result: Mapping[str, Any], note: str) -> dict[str, Any]:
    """Return a result with a warning that it does not have yet."""
    warnings = list(result.get("warnings") or ())
    return {**result, "warnings": warnings if NOTE in warnings or note in warnings else [*warnings, note]}


def split_hashes(result: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the split sets of a result: those of its parts, or of the whole where it has none."""
    parts = [part.get("split_sha256") for part in (result.get("parts") or {}).values()]
    hashes = parts or [(result.get("provenance") or {}).get("split_sha256")]
    return {text for text in hashes if text}


def uses_held_out(result: Mapping[str, Any]) -> bool:
    """Return whether thresholds or settings were chosen on samples that the split set does not name."""
    if result.get("task") == "classification":
        return False
    return bool(result.get("thresholds") or result.get("chosen"))
