"""A report before it is written: sections of paragraphs, tables and pictures, in plain text that renderers escape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more; a ``warning`` is shown so that nobody misses it."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Rows of text; the first ``words`` columns are names, the others figures, which stand at the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """A PNG: its file name, what it shows for those who do not see it, and what writes it to a path."""

    name: str
    alt: str
    draw: Callable[[Path], None]


Block: TypeAlias = Paragraph | TableBlock | PictureBlock


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; of ``level`` 2, or 3 inside the one before."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A report: title, what stands before the sections, and the sections."""

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

    def warnings(self) -> list[str]:
        """All warnings in order, each once."""
        found = [block.text for block in self.blocks() if isinstance(block, Paragraph) and block.warning]
        return list(dict.fromkeys(found))
