"""Prompt files: JSON, ``{"species": ["a text", "another"]}``; a class with one text may have it without brackets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.prompts.sets import PromptSet
from retrieval.errors import InputError, MissingFileError

HOW = '{"class": ["a text", ...], ...}'


def read_prompts(path: Path) -> PromptSet:
    """Read a prompt set; its name is the file's, less the suffix.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is no prompt set, naming the class that is wrong.
    """
    content = read_json(path, "a prompt set")
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a prompt set, which is {HOW}; make one of a list of names with 'prompts make'."
        )
    pairs = [(label, _texts(path, label, value)) for label, value in content.items()]
    if not any(texts for _, texts in pairs):
        raise InputError(f"{path} has no prompt; a prompt set is {HOW}.")
    return PromptSet.of(path.stem, pairs)


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


def _texts(path: Path, label: str, value: object) -> list[str]:
    if not label.strip():
        raise InputError(f"{path} has a class without a name ('{label}').")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise InputError(f"{path}: class '{label}' has {_shown(value)} instead of a list of texts; write {HOW}.")
    for at, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"{path}: prompt {at} of class '{label}' is {_shown(text)}, not a text.")
        if not text.strip():
            raise InputError(f"{path}: prompt {at} of class '{label}' is empty; remove it.")
    return texts


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
