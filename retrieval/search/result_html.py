"""Results of a search as a notebook shows them."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from retrieval.errors import VitrineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retrieval.search.result import Hit, SearchResult

SHOWN = 50
"""Hits that a notebook shows."""

HEIGHT = 64
"""Height of a thumbnail, in pixels."""


def result_html(result: SearchResult) -> str:
    """Write a table of the hits, with the thumbnails the store has."""
    hits, pictures = result.hits[:SHOWN], _pictures(result)
    grouped = [result.request.group_by] if result.request.group_by else []
    names = ["rank", "score", *([""] if pictures else []), *grouped, *result.columns(), "id", "path"]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(_row(hit, result, pictures) for hit in hits)
    more = f"<p>... and {len(result.hits) - SHOWN:,} more</p>" if len(result.hits) > SHOWN else ""
    return (
        f'<table><caption style="caption-side:top;text-align:left">{escape(result.title)}</caption>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _row(hit: Hit, result: SearchResult, pictures: Mapping[str, bytes]) -> str:
    words = [str(hit.group)] if result.request.group_by else []
    words += [str(hit.sample[name] or "") for name in result.columns()]
    words += [hit.sample["id"], hit.sample["uri"]]
    cells = [f"<td>{hit.rank}</td><td>{hit.score:.4f}</td>"]
    if pictures:
        cells.append(f"<td>{_image(pictures.get(hit.sample['key']))}</td>")
    cells += [f"<td>{escape(word)}</td>" for word in words]
    return f"<tr>{''.join(cells)}</tr>"


def _image(picture: bytes | None) -> str:
    if picture is None:
        return ""
    data = base64.b64encode(picture).decode()
    return f'<img src="data:image/webp;base64,{data}" style="max-height:{HEIGHT}px" alt="">'


def _pictures(result: SearchResult) -> Mapping[str, bytes]:
    """Thumbnails of the hits that are shown; none where the store cannot be read any more."""
    if result.thumbnails is None:
        return {}
    try:
        return result.thumbnails([hit.sample["key"] for hit in result.hits[:SHOWN]])
    except VitrineError:
        return {}
