"""HTML of search results, for notebooks."""

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
    """Render a table of hits; it has a column of thumbnails if a hit has one.

    Args:
        title: title of the table.
        columns: names of the columns after rank, score and thumbnail.
        rows: the hits.
        left_out: number of hits that are not displayed.
    """
    with_thumbnails = any(row.thumbnail is not None for row in rows)
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("rank", "score", *([""] if with_thumbnails else []), *columns)
    )
    body = "".join(_row(row, with_thumbnails=with_thumbnails) for row in rows)
    more = f"<p>... and {left_out:,} more</p>" if left_out else ""
    return (
        f'<table><caption style="caption-side:top;text-align:left">{escape(title)}</caption>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _row(row: HtmlRow, *, with_thumbnails: bool) -> str:
    cells = [f"<td>{number}</td>" for number in row.numbers]
    if with_thumbnails:
        cells.append(f"<td>{_image(row.thumbnail)}</td>")
    cells += [f"<td>{escape(word)}</td>" for word in row.words]
    return f"<tr>{''.join(cells)}</tr>"


def _image(thumbnail: bytes | None) -> str:
    if thumbnail is None:
        return ""
    data = base64.b64encode(thumbnail).decode()
    return f'<img src="data:image/webp;base64,{data}" style="max-height:{HEIGHT}px" alt="">'
