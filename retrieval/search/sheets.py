"""Contact sheets of search results, drawn from stored thumbnails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.sheet import Tile, contact_sheet

if TYPE_CHECKING:
    from retrieval.search.result import Hit, SearchResult


RIGHT, WRONG = "#2e7d32", "#c62828"


def write_sheet(result: SearchResult, out: Path) -> None:
    """Draw the query and its hits with scores and ids: a PNG."""
    keys = [hit.sample["key"] for hit in result.hits]
    own_keys = [row["key"] for row in result.own[:1]]
    pictures = result.thumbnails([*keys, *own_keys]) if result.thumbnails else {}
    kind, value = result.query["kind"], str(result.query["value"])
    own = pictures.get(result.own[0]["key"]) if result.own else _picture(kind, value)
    query = Tile(own, (f"query: {kind}", value), None) if kind != "text" else None
    tiles = [Tile(pictures.get(hit.sample["key"]), _caption(hit), _frame(result, hit)) for hit in result.hits]
    title = f"{kind} {value} in {result.space.name}"
    contact_sheet(query, tiles, out, title)


def _picture(kind: str, value: str) -> bytes | None:
    """The query image itself, when one was given."""
    return Path(value).read_bytes() if kind == "image" else None


def _frame(result: SearchResult, hit: Hit) -> str | None:
    """Green for the query's own identity (or label, where there are none), red for another, none if unknown."""
    for name in ("identity", "label"):
        own = {row[name] for row in result.own if row[name] is not None}
        if own and hit.sample[name] is not None:
            return RIGHT if hit.sample[name] in own else WRONG
    return None


def _caption(hit: Hit) -> tuple[str, ...]:
    name = hit.group or hit.sample["identity"] or hit.sample["label"] or ""
    return (f"{hit.rank}. {hit.score:.4f}", *([name] if name else []), hit.sample["id"])
