"""Write a report as Markdown (GitHub's flavour); pictures are links to files in the same folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

from eval.report.document import (
    THUMBNAILS,
    Block,
    Document,
    ListBlock,
    Paragraph,
    PictureBlock,
    TableBlock,
    Thumbnail,
    ThumbnailBlock,
)
from retrieval.escapes import printable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
_CODE = re.compile(r"(`[^`]+`)")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$)")


def to_markdown(document: Document) -> str:
    """Write the document; the text ends in a line feed."""
    lines = [f"# {escape(document.title)}", "", *_blocks(document.intro)]
    for section in document.sections:
        lines += [f"{'#' * section.level} {escape(section.title)}", "", *_blocks(section.blocks)]
    return "\n".join(lines).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line."""
    line = _literal(" ".join(printable(text).split()))
    return _AT_START.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", line)


def _literal(line: str) -> str:
    return _SPECIAL.sub(r"\\\1", line)


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Write blocks; small pictures that follow each other share a paragraph."""
    for small, run in groupby(blocks, lambda block: isinstance(block, PictureBlock) and block.small):
        lines = [_lines(block) for block in run]
        yield from ([*(of_block[0] for of_block in lines), ""] if small else chain.from_iterable(lines))


def _lines(block: Block) -> list[str]:
    match block:
        case Paragraph(text=text, warning=warning):
            return [f"> **Warning:** {_prose(text)}" if warning else _prose(text), ""]
        case ListBlock(title=title, items=items):
            return [f"**{escape(title)}**", "", *(f"- {_item(item)}" for item in items), ""]
        case PictureBlock(name=name, alt=alt):
            return [f"![{escape(alt)}]({name})", ""]
        case TableBlock():
            return _table(block)
        case ThumbnailBlock():
            return _thumbnails(block)


def _item(item: Paragraph) -> str:
    return f"**Warning:** {_prose(item.text)}" if item.warning else _prose(item.text)


def _prose(text: str) -> str:
    """Escape a sentence; text in backquotes, such as an option, becomes code."""
    line = " ".join(printable(text).split())
    first, *others = [part if at % 2 else _literal(part) for at, part in enumerate(_CODE.split(line))]
    return escape(line) if not others else first + "".join(others)


def _table(table: TableBlock) -> list[str]:
    lines = [f"**{escape(table.title)}**", ""] if table.title else []
    marks = [":--" if at < table.words else "--:" for at in range(len(table.columns))]
    lines += [_line(map(escape, table.columns)), _line(marks)]
    for at, (first, *others) in enumerate(table.rows):
        name = f"**{escape(first)}** (best)" if at == table.best else escape(first)
        if table.details and table.details[at]:
            name += f"<br>{escape(table.details[at])}"
        lines.append(_line([name, *map(escape, others)]))
    return [*lines, "", *([escape(table.note), ""] if table.note else [])]


def _thumbnails(block: ThumbnailBlock) -> list[str]:
    """A table with a row per wrong prediction, padded to the same number of cells."""
    most = max((len(row.neighbours) for row in block.rows), default=0)
    lines = [_line(["image", *(f"neighbour {at}" for at in range(1, most + 1))]), _line([":--"] * (most + 1))]
    for row in block.rows:
        tiles = [f"{escape(row.title)}<br>{_tile(row.sample)}", *map(_tile, row.neighbours)]
        lines.append(_line(tiles + [""] * (most + 1 - len(tiles))))
    return [*lines, ""]


def _tile(thumbnail: Thumbnail) -> str:
    first, *others = map(escape, thumbnail.lines)
    sign = {None: "", True: "\N{CHECK MARK} ", False: "\N{BALLOT X} "}[thumbnail.right]
    picture = f"![image of {first}]({THUMBNAILS}/{thumbnail.name})" if thumbnail.name else "no picture"
    return "<br>".join([picture, sign + first, *others])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
