"""Samples, and the sources that give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from retrieval.types.arrays import digest

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MetaValue: TypeAlias = str | float | int | bool | None


WHOLE = "whole"
"""The crop policy of a space, and the crop of a sample, that use the whole image."""


class Box(NamedTuple):
    """A box inside an image, as fractions of its width and height: top-left corner, width, height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or one box of an image, as a source describes it.

    ``uri`` is relative to the source's root. ``polygon`` are corners (x, y) inside ``box``, as fractions of the
    image's width and height.
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
    polygon: tuple[tuple[float, float], ...] | None = None
    meta: Mapping[str, MetaValue] = field(default_factory=dict)

    @property
    def crop(self) -> str:
        """``"whole"``, or a short hash of the geometry: the box, and the polygon where there is one."""
        if self.box is None:
            return WHOLE
        corners = [number for corner in self.polygon or () for number in corner]
        return digest(*(f"{number:.6f}" for number in (*self.box, *corners)), size=6)

    @property
    def id(self) -> str:
        """Stable key of the sample: hash of source, relative path and geometry of box and polygon."""
        return digest(self.source, self.uri, self.crop)


Thumbnails: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Reads stored thumbnails (WebP) by the key of their sample; keys without one are absent."""


class SourceProblem(NamedTuple):
    """Something a source or a decoder could not use: where (file, row) and why.

    ``missing`` marks rows that name an image which is not there: counted, but not a failure.
    """

    where: str
    reason: str
    missing: bool = False


@runtime_checkable
class Source(Protocol):
    """An iterator of samples that checks itself.

    ``name`` is part of every sample's id; ``root`` is where relative uris start. Iterating twice gives the
    same samples in the same order. Iterating fills ``problems``, rows that cannot be used, and ``notes``, things
    worth saying that lost nothing.
    """

    name: str
    root: Path
    problems: list[SourceProblem]
    notes: list[str]

    @property
    def kind(self) -> str: ...

    def __iter__(self) -> Iterator[Sample]: ...
