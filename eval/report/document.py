"""The content of a report, independent of its format: sections of paragraphs, tables and pictures.

Texts are plain; what writes HTML or Markdown escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text of one or more sentences; a ``warning`` is set apart."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list of texts below a line that says what they are."""

    title: str
    items: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table of texts; the first ``words`` columns hold names and the others numbers, which are aligned right.

    ``details`` has a second line for the name of every row, or is empty. ``best`` is the row that is marked as the
    best. Narrow pages show the first ``narrow`` columns and hide the others until they are asked for; None shows all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""
    details: tuple[str, ...] = ()
    best: int | None = None
    narrow: int | None = None


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """A figure: the name of its SVG file, a text for readers who cannot see it, and a function that makes it.

    Pictures that are ``small`` stand side by side where the page is wide enough.
    """

    name: str
    alt: str
    make: Callable[[], Figure]
    small: bool = False


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A stored thumbnail with lines of text below it.

    Attributes:
        name: name of its file in the folder :data:`THUMBNAILS` of the report, which depends on the picture alone; an
            empty text if there is no picture.
        data: the WebP file.
        size: width and height in pixels.
        lines: lines below it; the first says most.
        right: whether its label is right, or None where that is not asked.
    """

    name: str
    data: bytes
    size: tuple[int, int]
    lines: tuple[str, ...]
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class ThumbnailRow:
    """A wrong prediction: a title, the sample, and its neighbours, nearest first."""

    title: str
    sample: Thumbnail
    neighbours: tuple[Thumbnail, ...]


@dataclass(frozen=True, slots=True)
class ThumbnailBlock:
    """Rows of thumbnails."""

    rows: tuple[ThumbnailRow, ...]


Block: TypeAlias = Paragraph | ListBlock | TableBlock | PictureBlock | ThumbnailBlock
THUMBNAILS = "thumbs"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks below it; ``level`` 3 is a subsection of the section before it."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its title, the blocks before the first section, and the sections."""

    title: str
    intro: tuple[Block, ...]
    sections: tuple[Section, ...]

    def blocks(self) -> Iterator[Block]:
        """All blocks in order."""
        yield from self.intro
        for section in self.sections:
            yield from section.blocks

    def pictures(self) -> list[PictureBlock]:
        """All pictures in order."""
        return [block for block in self.blocks() if isinstance(block, PictureBlock)]

    def shown_thumbnails(self) -> dict[str, Thumbnail]:
        """All thumbnails with a picture by name, in order; equal pictures are one."""
        rows = [row for block in self.blocks() if isinstance(block, ThumbnailBlock) for row in block.rows]
        shown = [thumbnail for row in rows for thumbnail in (row.sample, *row.neighbours) if thumbnail.name]
        return {thumbnail.name: thumbnail for thumbnail in shown}

    def warnings(self) -> list[str]:
        """All warnings in order, each once."""
        listed = [block.items if isinstance(block, ListBlock) else (block,) for block in self.blocks()]
        texts = [item.text for items in listed for item in items if isinstance(item, Paragraph) and item.warning]
        return list(dict.fromkeys(texts))
