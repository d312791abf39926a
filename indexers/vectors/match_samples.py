"""Join the rows of a file to the samples of a source by the names of their images."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.containers import SEPARATOR
from retrieval.errors import InputError, first_names
from retrieval.types import Int64


def _file_name(path: str) -> str:
    return path.rpartition(SEPARATOR)[2].rpartition("/")[2]


def _stem(path: str) -> str:
    name = _file_name(path)
    return name.rpartition(".")[0] or name


LEVELS: dict[str, Callable[[str], str]] = {"path": str, "file name": _file_name, "name without suffix": _stem}
"""Parts of a path that are compared, in the order in which they are tried; ``path`` is the uri of the sample."""


@dataclass(frozen=True, slots=True)
class Matches:
    """``samples`` (rows,) is the position of each row's sample, -1 for none; ``level`` is a key of ``LEVELS``."""

    samples: Int64
    level: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The result of comparing names at one level.

    ``samples`` (rows,) is the position of the first sample with the row's name, -1 for none. ``name_ids`` (samples,)
    are equal for samples with equal names. ``ambiguous`` are rows whose name several samples have, ``repeated`` rows
    whose name another row has.
    """

    level: str
    samples: Int64
    name_ids: Int64
    ambiguous: Int64
    repeated: Int64

    @property
    def perfect(self) -> bool:
        """Whether every row has one sample, and no two rows have the same."""
        return bool((self.samples >= 0).all()) and not len(self.ambiguous) and not len(self.repeated)


def match_rows(rows: Sequence[str], uris: Sequence[str], root: str) -> Matches:
    """Find the sample of each row by path, else by file name, else by the name without folder and suffix.

    The result is that of the first level at which every row has a sample of its own, or else of the first level at
    which any row has one.

    Args:
        rows: unique names of the rows; paths may be absolute.
        uris: uris of the samples; boxes of one image have the same.
        root: folder of the source, which uris are relative to.

    Raises:
        InputError: no row has a sample, a name matches several samples, or two rows match the same sample.
    """
    names = [_as_uri(name, root) for name in rows]
    paths = [_as_uri(uri, root) for uri in uris]
    attempts: list[_Attempt] = []
    for level, part in LEVELS.items():
        attempts.append(_attempt(level, [part(name) for name in names], [part(path) for path in paths]))
        if attempts[-1].perfect:
            return Matches(attempts[-1].samples, level)
    best = next((attempt for attempt in attempts if (attempt.samples >= 0).any()), None)
    if best is None:
        raise InputError(
            f"No row names an image of the source, not even without folder and suffix: rows are called "
            f"{quoted(rows)}, images {quoted(uris)}; say with `filepath` which column names the images."
        )
    _refuse_ambiguous(best, rows, uris)
    _refuse_repeated(best, rows, uris)
    return Matches(best.samples, best.level)


def _as_uri(name: str, root: str) -> str:
    """Normalise a path like a uri: forward slashes, relative to the root, composed letters (NFC)."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return plain.removeprefix(f"{root.rstrip('/')}/").removeprefix("./")


def _attempt(level: str, row_names: list[str], sample_names: list[str]) -> _Attempt:
    """Compare the names of rows and samples at one level."""
    numbers: dict[str, int] = {}
    name_ids = np.array([numbers.setdefault(name, len(numbers)) for name in sample_names], np.int64)
    row_ids = np.array([numbers.get(name, -1) for name in row_names], np.int64)
    # The last entry, which index -1 reads, is for names that no sample has.
    first = np.full(len(numbers) + 1, -1, np.int64)
    first[name_ids[::-1]] = np.arange(len(name_ids))[::-1]
    sample_counts = np.bincount(name_ids, minlength=len(first))
    row_counts = np.bincount(row_ids[row_ids >= 0], minlength=len(first))
    ambiguous, repeated = np.flatnonzero(sample_counts[row_ids] > 1), np.flatnonzero(row_counts[row_ids] > 1)
    return _Attempt(level, first[row_ids], name_ids, ambiguous, repeated)


def _refuse_ambiguous(attempt: _Attempt, rows: Sequence[str], uris: Sequence[str]) -> None:
    """Raise InputError if the name of a row matches several samples."""
    if not len(attempt.ambiguous):
        return
    at = int(attempt.ambiguous[0])
    same_name = attempt.name_ids == attempt.name_ids[attempt.samples[at]]
    alike = [uris[sample] for sample in np.flatnonzero(same_name).tolist()]
    if len(set(alike)) == 1:
        raise InputError(
            f"Row '{rows[at]}' names an image with {len(alike)} boxes; vectors of a file join whole images only."
        )
    more = f" ({len(attempt.ambiguous)} rows are like that)" if len(attempt.ambiguous) > 1 else ""
    raise InputError(
        f"Row '{rows[at]}' may mean {quoted(alike)}, by {attempt.level}{more}; write paths as the source has them."
    )


def _refuse_repeated(attempt: _Attempt, rows: Sequence[str], uris: Sequence[str]) -> None:
    """Raise InputError if several rows match the same sample."""
    if not len(attempt.repeated):
        return
    sample = int(attempt.samples[attempt.repeated[0]])
    alike = [rows[at] for at in np.flatnonzero(attempt.samples == sample).tolist()]
    raise InputError(
        f"Rows {quoted(alike)} all mean '{uris[sample]}', by {attempt.level}; an image takes one vector: drop the "
        "others, or write paths as the source has them."
    )


def quoted(names: Sequence[str]) -> str:
    """Join the first few names, each in quotation marks, for a message."""
    return first_names(f"'{name}'" for name in names)
