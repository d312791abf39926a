"""Reading text and JSON that people wrote, strictly, with one sentence where it cannot be used."""

from __future__ import annotations

import json
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
