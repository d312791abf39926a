"""HTML table of search hits: what a notebook displays for a :class:`~retrieval.search.result.SearchResult`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from retrieval.escapes import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_HEIGHT = 64
"""Largest height of a displayed thumbnail, in pixels."""


class HtmlRow(NamedTuple):
    """One hit, formatted for display.

    Attributes:
        rank: rank of the hit, as text.
        score: score of the hit, as text.
        thumbnail: WebP image, or None.
        cells: text of the remaining cells, one for each of the ``columns`` of :func:`hits_html`.
    """

    rank: str
    score: str
    thumbnail: bytes | None
    cells: tuple[str, ...]


def hits_html(title: str, columns: Sequence[str], rows: Sequence[HtmlRow], left_out: int) -> str:
    """Render a table of hits. It has a column of thumbnails, without a heading, if any hit has a thumbnail.

    Args:
        title: title of the table.
        columns: names of the columns after rank, score and thumbnail.
        rows: the hits.
        left_out: number of hits that are not displayed.
    """
    with_thumbnails = any(row.thumbnail is not None for row in rows)
    headings = ["rank", "score", *([""] if with_thumbnails else []), *columns]
    head = "".join(f"<th>{html_text(name)}</th>" for name in headings)
    body = "".join(_row(row, with_thumbnails=with_thumbnails) for row in rows)
    more = f"<p>... and {left_out:,} more</p>" if left_out else ""
    return (
        f'<table><caption style="caption-side:top;text-align:left">{html_text(title)}</caption>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _row(row: HtmlRow, *, with_thumbnails: bool) -> str:
    cells = [f"<td>{html_text(row.rank)}</td>", f"<td>{html_text(row.score)}</td>"]
    if with_thumbnails:
        cells.append(f"<td>{_image(row.thumbnail)}</td>")
    cells += [f"<td>{html_text(cell)}</td>" for cell in row.cells]
    return f"<tr>{''.join(cells)}</tr>"


def _image(thumbnail: bytes | None) -> str:
    if thumbnail is None:
        return ""
    data = base64.b64encode(thumbnail).decode()
    return f'<img src="data:image/webp;base64,{data}" style="max-height:{MAX_HEIGHT}px" alt="">'
