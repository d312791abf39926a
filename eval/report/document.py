"""The content of a report, independent of its format: sections of paragraphs, tables and pictures.

Texts are plain; what writes HTML or Markdown escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text of one or more sentences; a ``warning`` is set apart."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table of texts; the first ``words`` columns hold names and the others numbers, which are aligned right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """A PNG file: its name, a text that replaces it for readers who cannot see it, and a function that writes it."""

    name: str
    alt: str
    draw: Callable[[Path], None]


Block: TypeAlias = Paragraph | TableBlock | PictureBlock


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

    def warnings(self) -> list[str]:
        """All warnings in order, each once."""
        texts = [block.text for block in self.blocks() if isinstance(block, Paragraph) and block.warning]
        return list(dict.fromkeys(texts))
