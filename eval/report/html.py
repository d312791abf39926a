"""Write a report as one HTML page that needs no other file: style, script and pictures are inside.

A content security policy allows no script but the one that sorts tables, and nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from eval.report.document import (
    Block,
    Document,
    ListBlock,
    Paragraph,
    PictureBlock,
    Section,
    TableBlock,
    Thumbnail,
    ThumbnailBlock,
    ThumbnailRow,
)
from eval.report.theme import SORTING, STYLE
from retrieval.escapes import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTION = re.compile(r"`([^`]+)`")
SCALE = 1.25
"""Pixels of the page per point of a figure."""

_SIZE = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_NUMBER = re.compile(r"(\S+) (.*)")
_SIGNS = {None: ("", ""), True: (' class="right"', "\N{CHECK MARK} "), False: (' class="wrong"', "\N{BALLOT X} ")}


def to_html(document: Document, pictures: Mapping[str, str]) -> str:
    """Write the page.

    Args:
        document: the report.
        pictures: SVG element of every picture of the document, by name.
    """
    body = [f"<h1>{html_text(document.title)}</h1>", *_blocks(document.intro, pictures)]
    if len(document.sections) > 1:
        body.append(_contents(document.sections))
    for at, section in enumerate(document.sections):
        tag = f"h{section.level}"
        body.append(f'<{tag} id="s{at}">{html_text(section.title)}</{tag}>')
        body += _blocks(section.blocks, pictures)
    start = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{_head(document.title)}\n</head>\n<body>\n<main>'
    thumbnails = _definitions(document.shown_thumbnails().values())
    return "\n".join([start, *thumbnails, *body, f"</main>\n<script>{SORTING}</script>\n</body>\n</html>\n"])


def _head(title: str) -> str:
    digest = base64.b64encode(hashlib.sha256(SORTING.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>\n{STYLE}\n</style>"
    )


def _contents(sections: Sequence[Section]) -> str:
    """Write links to the sections, without their subsections."""
    items = "\n".join(
        f'<li><a href="#s{at}">{html_text(section.title)}</a></li>'
        for at, section in enumerate(sections)
        if section.level == 2
    )
    return f'<nav aria-label="Contents">\n<ul>\n{items}\n</ul>\n</nav>'


def _blocks(blocks: Sequence[Block], pictures: Mapping[str, str]) -> Iterable[str]:
    """Write blocks; small pictures that follow each other stand side by side."""
    for small, run in groupby(blocks, lambda block: isinstance(block, PictureBlock) and block.small):
        parts = [_block(block, pictures) for block in run]
        yield "\n".join(['<div class="panels">', *parts, "</div>"] if small else parts)


def _block(block: Block, pictures: Mapping[str, str]) -> str:
    match block:
        case Paragraph(text=text, warning=True):
            return f'<p class="warning" role="note"><strong>Warning:</strong> {_prose(text)}</p>'
        case Paragraph(text=text):
            return f"<p>{_prose(text)}</p>"
        case ListBlock():
            return _list(block)
        case PictureBlock():
            return _picture(block, pictures[block.name])
        case TableBlock():
            return _table(block)
        case ThumbnailBlock(rows=rows):
            return "\n".join(map(_tiles, rows))


def _prose(text: str) -> str:
    """Render a sentence; text in backquotes, such as an option, becomes code."""
    return OPTION.sub(r"<code>\1</code>", html_text(text))


def _list(block: ListBlock) -> str:
    items = "\n".join(f"<li{' class=warning' if i.warning else ''}>{_prose(i.text)}</li>" for i in block.items)
    return f'<div class="list"><strong>{html_text(block.title)}</strong>\n<ul>\n{items}\n</ul></div>'


def _picture(picture: PictureBlock, svg: str) -> str:
    def start(match: re.Match[str]) -> str:
        width, height = (round(SCALE * float(length)) for length in match.groups())
        label = html_text(picture.alt)
        return f'<svg class="figure" role="img" aria-label="{label}" width="{width}" height="{height}"'

    return f"<figure>{_SIZE.sub(start, svg, count=1)}</figure>"


def _table(table: TableBlock) -> str:
    caption = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    names = enumerate(map(html_text, table.columns))
    heads = "".join(f'<th scope="col"{_class(at, table)}>{name}</th>' for at, name in names)
    rows = "\n".join(_row(at, table) for at in range(len(table.rows)))
    label = html_text(table.title or "table")
    note = f'\n<p class="note">{_prose(table.note)}</p>' if table.note else ""
    ask = '<label class="all"><input type="checkbox"> show all columns</label>\n' if table.narrow is not None else ""
    main = "" if table.narrow is None else ' class="main"'
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{label}">\n{ask}<table{main}>{caption}\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>{note}"
    )


def _row(at: int, table: TableBlock) -> str:
    first, *others = table.rows[at]
    detail = html_text(table.details[at]) if table.details else ""
    mark = '<span class="mark">best</span>' if at == table.best else ""
    name = f"{_line(first)}{mark}{f'<small>{detail}</small>' if detail else ''}"
    cells = "".join(f"<td{_class(n, table)}>{_cell(n, cell, table)}</td>" for n, cell in enumerate(others, 1))
    best = ' class="best"' if at == table.best else ""
    return f'<tr{best}><th scope="row"{_class(0, table)}>{name}</th>{cells}</tr>'


def _cell(at: int, text: str, table: TableBlock) -> str:
    """Write a cell; what follows a number, as its interval, is small."""
    number = _NUMBER.fullmatch(_line(text))
    if at < table.words or number is None or table.narrow is None:
        return _line(text)
    interval = number[2].replace(", ", ",\N{NO-BREAK SPACE}")
    return f"{number[1]} <small>{interval}</small>"


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", html_text(text))


def _class(at: int, table: TableBlock) -> str:
    names = ["words"] if at < table.words else []
    if table.narrow is not None and at >= table.narrow:
        names.append("more")
    return f' class="{" ".join(names)}"' if names else ""


def _definitions(thumbnails: Iterable[Thumbnail]) -> list[str]:
    """Hold every thumbnail once, for the places that show it."""
    images = [
        f'<image id="{thumbnail.name}" width="{thumbnail.size[0]}" height="{thumbnail.size[1]}" '
        f'href="data:image/webp;base64,{base64.b64encode(thumbnail.data).decode("ascii")}"/>'
        for thumbnail in thumbnails
    ]
    start = '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    return [start, *images, "</defs></svg>"] if images else []


def _tiles(row: ThumbnailRow) -> str:
    tiles = "\n".join(map(_tile, (row.sample, *row.neighbours)))
    return f'<h4>{_line(row.title)}</h4>\n<ul class="tiles">\n{tiles}\n</ul>'


def _tile(thumbnail: Thumbnail) -> str:
    kind, sign = _SIGNS[thumbnail.right]
    first, *others = (_line(line) for line in thumbnail.lines)
    small = "".join(f"<small>{line}</small>" for line in others)
    picture = '<span class="none">no picture</span>'
    if thumbnail.name:
        width, height = thumbnail.size
        box = f'viewBox="0 0 {width} {height}" role="img" aria-label="image of {first}"'
        picture = f'<svg {box}><use href="#{thumbnail.name}"/></svg>'
    return f"<li{kind}>{picture}{sign}{first}{small}</li>"
