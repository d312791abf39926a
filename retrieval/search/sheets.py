"""Contact sheets of search results, drawn from stored thumbnails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.sheet import Tile, contact_sheet

if TYPE_CHECKING:
    from retrieval.search.service import Hit, SearchResult
    from retrieval.store.snapshot import LanceSnapshot


def write_sheet(snapshot: LanceSnapshot, result: SearchResult, out: Path) -> None:
    """Draw the query and its hits with scores and ids; a PNG."""
    keys = [hit.sample["key"] for hit in result.hits]
    pictures = snapshot.thumbnails([*keys, *result.query_keys[:1]])
    kind, value = result.query["kind"], str(result.query["value"])
    own = pictures.get(result.query_keys[0]) if result.query_keys else _picture(kind, value)
    query = Tile(own, (f"query: {kind}", value), None) if kind != "text" else None
    tiles = [Tile(pictures.get(hit.sample["key"]), _caption(hit), None) for hit in result.hits]
    title = f"{kind} {value} in {result.space.name}"
    contact_sheet(query, tiles, out, title)


def _picture(kind: str, value: str) -> bytes | None:
    """The query image itself, when one was given."""
    return Path(value).read_bytes() if kind == "image" else None


def _caption(hit: Hit) -> tuple[str, ...]:
    name = hit.group or hit.sample["identity"] or hit.sample["label"] or ""
    return (f"{hit.rank}. {hit.score:.4f}", *([name] if name else []), hit.sample["id"])
