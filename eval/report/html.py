"""Write a report as one HTML page that needs no other file: style and pictures are inside, there is no script."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from eval.report.document import Block, Document, Paragraph, PictureBlock, Section, TableBlock
from retrieval.escapes import html_text

OPTION = re.compile(r"`([^`]+)`")

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2329; --soft: #5b646d; --rule: #d5dadf; --quiet: #f4f6f8;
  --link: #0a5c93; --warn: #8a4b00; --warn-paper: #fff6e5; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6e9ec; --soft: #a3adb6; --rule: #39424a;
  --quiet: #1c2228; --link: #7cc0ee; --warn: #ffcf8a; --warn-paper: #33270f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--rule);
  overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 0.5rem; overflow-wrap: anywhere; }
p { max-width: 46rem; margin: 0.6rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
nav ul { columns: 18rem auto; margin: 0; padding-left: 1.1rem; }
nav li.inner { margin-left: 1rem; list-style: circle; }
.warning { border-left: 4px solid var(--warn); background: var(--warn-paper); color: var(--warn);
  padding: 0.6rem 0.9rem; max-width: none; }
.table { overflow-x: auto; margin: 0.9rem 0; }
.table:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.35rem; }
th, td { padding: 0.3rem 0.75rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
.words { text-align: left; font-weight: 400; white-space: normal; overflow-wrap: break-word; min-width: 6rem; }
thead .words { font-weight: 600; }
tbody tr:nth-child(even) { background: var(--quiet); }
.note { color: var(--soft); font-size: 0.9rem; }
figure { margin: 1.25rem 0; }
img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--rule); border-radius: 4px; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  figure, tr, .warning { break-inside: avoid; } h2, h3, caption { break-after: avoid; } .table { overflow: visible; }
  th, td { white-space: normal; padding: 0.15rem 0.4rem; } img { border: none; max-height: 24cm; } }
""".strip()


def to_html(document: Document, pictures: Mapping[str, bytes]) -> str:
    """Write the page.

    Args:
        document: the report.
        pictures: bytes of the PNG of every picture of the document, by name.
    """
    body = [f"<h1>{html_text(document.title)}</h1>"]
    body += [_block(block, pictures) for block in document.intro]
    if len(document.sections) > 1:
        body.append(_contents(document.sections))
    for at, section in enumerate(document.sections):
        tag = f"h{section.level}"
        body.append(f'<{tag} id="s{at}">{html_text(section.title)}</{tag}>')
        body += [_block(block, pictures) for block in section.blocks]
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(document.title)}</title>\n<style>\n{STYLE}\n</style>"
    )
    start = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n<main>'
    page = [start, *body, "</main>\n</body>\n</html>\n"]
    return "\n".join(page)


def _contents(sections: tuple[Section, ...]) -> str:
    items = "\n".join(
        f'<li{" class=inner" if section.level > 2 else ""}><a href="#s{at}">{html_text(section.title)}</a></li>'
        for at, section in enumerate(sections)
    )
    return f'<nav aria-label="Contents">\n<ul>\n{items}\n</ul>\n</nav>'


def _block(block: Block, pictures: Mapping[str, bytes]) -> str:
    match block:
        case Paragraph(text=text, warning=True):
            return f'<p class="warning" role="note"><strong>Warning:</strong> {_prose(text)}</p>'
        case Paragraph(text=text):
            return f"<p>{_prose(text)}</p>"
        case PictureBlock():
            return _picture(block, pictures[block.name])
        case TableBlock():
            return _table(block)


def _prose(text: str) -> str:
    """Render a sentence; text in backquotes, such as an option, becomes code."""
    return OPTION.sub(r"<code>\1</code>", html_text(text))


def _picture(picture: PictureBlock, data: bytes) -> str:
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))  # where the header of a PNG has them
    encoded = base64.b64encode(data).decode("ascii")
    size = f'width="{round(width * 0.64)}" height="{round(height * 0.64)}"'
    return f'<figure><img {size} alt="{html_text(picture.alt)}" src="data:image/png;base64,{encoded}"></figure>'


def _table(table: TableBlock) -> str:
    caption = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    names = enumerate(map(html_text, table.columns))
    heads = "".join(f'<th scope="col"{_class(at, table)}>{name}</th>' for at, name in names)
    rows = "\n".join(f"<tr>{''.join(_cell(at, cell, table) for at, cell in enumerate(row))}</tr>" for row in table.rows)
    label = html_text(table.title or "table")
    note = f'\n<p class="note">{html_text(table.note)}</p>' if table.note else ""
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{label}">\n<table>{caption}\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>{note}"
    )


def _cell(at: int, text: str, table: TableBlock) -> str:
    shown = re.sub(r"\s+", " ", html_text(text))
    if at == 0:
        return f'<th scope="row"{_class(at, table)}>{shown}</th>'
    return f"<td{_class(at, table)}>{shown}</td>"


def _class(at: int, table: TableBlock) -> str:
    return ' class="words"' if at < table.words else ""
