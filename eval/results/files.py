"""Write and read result files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.results.schema import EvalResult
from retrieval.errors import InputError, MissingFileError
from retrieval.files import write_atomically
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from pathlib import Path


def write_result(result: EvalResult, path: Path) -> None:
    """Write a result file atomically.

    Raises:
        InputError: the file cannot be written there.
    """
    write_atomically(path, result.to_json())


def read_result(path: Path) -> EvalResult:
    """Read a result file.

    Raises:
        MissingFileError: the file does not exist.
        InputError: it is not a result file, or one of another schema version.
    """
    try:
        values = read_json(path, "a result file")
    except FileNotFoundError:
        raise MissingFileError(f"There is no result file {path}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a result file: it holds no JSON object.")
    return EvalResult.read(values, str(path))
