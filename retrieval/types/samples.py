"""Samples, and the interface of sources of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from retrieval.types.arrays import digest

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MetaValue: TypeAlias = str | float | int | bool | None

Corner: TypeAlias = tuple[float, float]
Polygon: TypeAlias = tuple[Corner, ...]
"""Corners (x, y) of an outline; :mod:`retrieval.outlines` says how several parts are one list."""


WHOLE = "whole"
"""The crop of a sample, or of all samples of a space, that is the whole image."""


class Box(NamedTuple):
    """A box in an image: its top-left corner (x, y), width and height, as fractions of the image's width and height."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of_columns(cls, values: Sequence[Any]) -> Box | None:
        """Return the box of a sample whose :data:`BOX_COLUMNS` hold ``values`` (4,); None for a whole image."""
        return None if values[0] is None else cls(*map(float, values))


BOX_COLUMNS = ("box_x", "box_y", "box_width", "box_height")
"""Columns of samples in a store that hold their boxes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or one box of an image, with the fields that its source knows; None is unknown.

    ``source`` is the name of the source, ``uri`` the path of the file relative to the root of the source. ``polygon``
    are the corners (x, y) of its outline, as fractions of the image's width and height; what of them is outside ``box``
    is no part of the sample.
    """

    source: str
    uri: str
    label: str | None = None
    identity: str | None = None
    aspect: str | None = None
    camera: str | None = None
    group: str | None = None
    split: str | None = None
    captured_at: datetime | None = None
    box: Box | None = None
    polygon: Polygon | None = None
    meta: Mapping[str, MetaValue] = field(default_factory=dict)

    @property
    def crop(self) -> str:
        """``"whole"``, or a hash of the box and the polygon."""
        if self.box is None:
            return WHOLE
        corners = [number for corner in self.polygon or () for number in corner]
        return digest(*(f"{number:.6f}" for number in (*self.box, *corners)), size=6)

    @property
    def id(self) -> str:
        """Identifier of the sample: a hash of source, uri, box and polygon."""
        return digest(self.source, self.uri, self.crop)


Thumbnails: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Maps keys of samples to their stored thumbnails (WebP); keys without a thumbnail are absent."""


class SourceProblem(NamedTuple):
    """An image, row or folder that a source cannot use: where (file, row) and the reason.

    ``missing`` is True for a row whose image does not exist, which is counted but not reported as a failure. ``kind``
    is the entry of :attr:`SourceTally.left_out` that counts it, or None if it costs no sample.
    """

    where: str
    reason: str
    missing: bool = False
    kind: str | None = "unusable"


@dataclass(slots=True)
class SourceTally:
    """Number of entries that a source saw and took, and the numbers of those that it left out, by reason.

    ``seen`` equals ``taken`` plus the sum of ``left_out``. Entries are the rows of a table, or what lies in folders:
    each file, and each folder that is not entered. ``first`` is the name of the first entry left out for each reason.
    """

    seen: int = 0
    taken: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def leave_out(self, reason: str, where: str, n: int = 1) -> None:
        """Count ``n`` entries, of which ``where`` is the first, that are not taken for a reason."""
        if n:
            self.left_out[reason] = self.left_out.get(reason, 0) + n
            self.first.setdefault(reason, where)

    def __str__(self) -> str:
        """Say what was left out, the most frequent reason first: ``not images 12 (first a/notes.txt), hidden 2``."""
        reasons = sorted(self.left_out, key=lambda reason: -self.left_out[reason])
        first = {reason: f" (first {name})" for reason, name in self.first.items()}
        return ", ".join(f"{reason} {self.left_out[reason]:,}{first.get(reason, '')}" for reason in reasons)

    def clear(self) -> None:
        """Set all numbers to 0."""
        self.seen = self.taken = 0
        self.left_out.clear()
        self.first.clear()

    def copy(self) -> SourceTally:
        """Return a copy that later counts do not change."""
        return SourceTally(self.seen, self.taken, dict(self.left_out), dict(self.first))


@runtime_checkable
class Source(Protocol):
    """An iterable of samples.

    ``name`` is part of the id of every sample; uris are relative to ``root``. Every iteration yields the same samples
    in the same order. Iterating fills ``problems`` (what cannot be used), ``notes`` (sentences for the user about
    decisions that cost no sample) and ``tally`` (all that was seen, complete after the last sample).
    """

    name: str
    root: Path
    problems: list[SourceProblem]
    notes: list[str]
    tally: SourceTally

    @property
    def kind(self) -> str: ...

    def __iter__(self) -> Iterator[Sample]: ...
