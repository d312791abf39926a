"""Write a report as Markdown (GitHub's flavour); pictures are links to files in the same folder."""

from __future__ import annotations

import re

from eval.report.document import Block, Document, Paragraph, PictureBlock, TableBlock
from retrieval.escapes import printable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$)")


def to_markdown(document: Document) -> str:
    """Write the document; the text ends in a line feed."""
    lines = [f"# {escape(document.title)}", ""]
    for block in document.intro:
        lines += _lines(block)
    for section in document.sections:
        lines += [f"{'#' * section.level} {escape(section.title)}", ""]
        for block in section.blocks:
            lines += _lines(block)
    return "\n".join(lines).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line."""
    line = " ".join(printable(text).split())
    return _AT_START.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", _SPECIAL.sub(r"\\\1", line))


def _lines(block: Block) -> list[str]:
    match block:
        case Paragraph(text=text, warning=warning):
            return [f"> **Warning:** {escape(text)}" if warning else escape(text), ""]
        case PictureBlock(name=name, alt=alt):
            return [f"![{escape(alt)}]({name})", ""]
        case TableBlock():
            return _table(block)


def _table(table: TableBlock) -> list[str]:
    lines = [f"**{escape(table.title)}**", ""] if table.title else []
    marks = [":--" if at < table.words else "--:" for at in range(len(table.columns))]
    for cells in (table.columns, tuple(marks), *table.rows):
        shown = cells if cells == tuple(marks) else tuple(map(escape, cells))
        lines.append(f"| {' | '.join(shown)} |")
    return [*lines, "", *([escape(table.note), ""] if table.note else [])]
