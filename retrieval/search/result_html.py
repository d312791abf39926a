"""Hits of a search as HTML, for a notebook."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

HEIGHT = 64
"""Height of a thumbnail, in pixels."""


class HtmlRow(NamedTuple):
    """A hit: its ``numbers`` (rank and score as text), its thumbnail (WebP) or None, and the other cells."""

    numbers: tuple[str, str]
    thumbnail: bytes | None
    words: tuple[str, ...]


def hits_html(title: str, columns: Sequence[str], rows: Sequence[HtmlRow], left_out: int) -> str:
    """Write a table of hits; the column of thumbnails is there where a hit has one.

    Args:
        title: above the table.
        columns: names of the cells behind rank, score and thumbnail.
        rows: the hits that are shown.
        left_out: how many more there are.
    """
    pictured = any(row.thumbnail is not None for row in rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("rank", "score", *([""] if pictured else []), *columns))
    body = "".join(_row(row, pictured=pictured) for row in rows)
    more = f"<p>... and {left_out:,} more</p>" if left_out else ""
    return (
        f'<table><caption style="caption-side:top;text-align:left">{escape(title)}</caption>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _row(row: HtmlRow, *, pictured: bool) -> str:
    cells = [f"<td>{number}</td>" for number in row.numbers]
    if pictured:
        cells.append(f"<td>{_image(row.thumbnail)}</td>")
    cells += [f"<td>{escape(word)}</td>" for word in row.words]
    return f"<tr>{''.join(cells)}</tr>"


def _image(picture: bytes | None) -> str:
    if picture is None:
        return ""
    data = base64.b64encode(picture).decode()
    return f'<img src="data:image/webp;base64,{data}" style="max-height:{HEIGHT}px" alt="">'
