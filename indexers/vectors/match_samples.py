"""Rows of a file joined to the samples of a source, by what both call their images."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.errors import InputError, first_names
from retrieval.types import Int64


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    name = _file_name(path)
    return name.rpartition(".")[0] or name


LEVELS: dict[str, Callable[[str], str]] = {"path": str, "file name": _file_name, "name without suffix": _stem}
"""What is compared, finest first; ``path`` is the sample's uri."""


@dataclass(frozen=True, slots=True)
class Matches:
    """``places`` (rows,) are positions among the samples, -1 where a row has none; ``level`` says what was compared."""

    places: Int64
    level: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One level tried: ``codes`` (samples,) are equal where samples are called alike.

    ``several`` are rows that could mean more than one sample, ``shared`` rows that mean the same as another row.
    """

    level: str
    places: Int64
    codes: Int64
    several: Int64
    shared: Int64

    @property
    def perfect(self) -> bool:
        """Whether each row has a sample of its own."""
        return bool((self.places >= 0).all()) and not len(self.several) and not len(self.shared)


def match_rows(rows: Sequence[str], uris: Sequence[str], root: str) -> Matches:
    """Find the sample of each row by path, else by file name, else by the name without folder and suffix.

    The first level is taken at which every row finds a sample of its own; where there is none, the first at which any
    row finds one. A path under ``root``, the folder of the source, may be absolute.

    Args:
        rows: names of the rows, each once.
        uris: paths of the samples, relative to ``root``; boxes of one image share theirs.
        root: folder of the source.

    Raises:
        InputError: no row finds a sample, or one could mean several, or two rows mean the same.
    """
    names = [_as_uri(name, root) for name in rows]
    known = [_as_uri(uri, root) for uri in uris]
    attempts: list[_Attempt] = []
    for level, part in LEVELS.items():
        attempts.append(_attempt(level, [part(name) for name in names], [part(uri) for uri in known]))
        if attempts[-1].perfect:
            return Matches(attempts[-1].places, level)
    best = next((one for one in attempts if (one.places >= 0).any()), None)
    if best is None:
        raise InputError(
            f"No row names an image of the source, not even without folder and suffix: rows are called "
            f"{quoted(rows)}, images {quoted(uris)}; say with `filepath` which column names the images."
        )
    _refuse_several(best, rows, uris)
    _refuse_shared(best, rows, uris)
    return Matches(best.places, best.level)


def _as_uri(name: str, root: str) -> str:
    """A path as uris are written: forward slashes, no root, composed letters (some file systems decompose them)."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return plain.removeprefix(f"{root.rstrip('/')}/").removeprefix("./")


def _attempt(level: str, names: list[str], known: list[str]) -> _Attempt:
    number: dict[str, int] = {}
    codes = np.array([number.setdefault(name, len(number)) for name in known], np.int64)
    asked = np.array([number.get(name, -1) for name in names], np.int64)
    # One entry more than there are codes: the last, which -1 reads, stands for no sample.
    first = np.full(len(number) + 1, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    samples = np.bincount(codes, minlength=len(first))
    sharing = np.bincount(asked[asked >= 0], minlength=len(first))
    several, shared = np.flatnonzero(samples[asked] > 1), np.flatnonzero(sharing[asked] > 1)
    return _Attempt(level, first[asked], codes, several, shared)


def _refuse_several(found: _Attempt, rows: Sequence[str], uris: Sequence[str]) -> None:
    """Refuse rows that could mean more than one sample."""
    if not len(found.several):
        return
    at = int(found.several[0])
    alike = [uris[place] for place in np.flatnonzero(found.codes == found.codes[found.places[at]]).tolist()]
    if len(set(alike)) == 1:
        raise InputError(
            f"Row '{rows[at]}' names an image with {len(alike)} boxes; vectors of a file join whole images only."
        )
    more = f" ({len(found.several)} rows are like that)" if len(found.several) > 1 else ""
    raise InputError(
        f"Row '{rows[at]}' may mean {quoted(alike)}, by {found.level}{more}; write paths as the source has them."
    )


def _refuse_shared(found: _Attempt, rows: Sequence[str], uris: Sequence[str]) -> None:
    """Refuse rows that mean the same sample."""
    if not len(found.shared):
        return
    place = int(found.places[found.shared[0]])
    alike = [rows[at] for at in np.flatnonzero(found.places == place).tolist()]
    raise InputError(
        f"Rows {quoted(alike)} all mean '{uris[place]}', by {found.level}; an image takes one vector: drop the others, "
        "or write paths as the source has them."
    )


def quoted(names: Sequence[str]) -> str:
    """Join the first few names, each in quotation marks, for a message."""
    return first_names(f"'{name}'" for name in names)
