"""Draw contact sheets of search results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.sheet import Tile, contact_sheet

if TYPE_CHECKING:
    from retrieval.search.result import Hit, SearchResult


RIGHT, WRONG = "#2e7d32", "#c62828"


def write_sheet(result: SearchResult, out: Path) -> None:
    """Write a PNG of the query and its hits with their scores and ids, from stored thumbnails."""
    keys = [hit.sample["key"] for hit in result.hits]
    query_keys = [sample["key"] for sample in result.query_samples[:1]]
    thumbnails = result.thumbnails([*keys, *query_keys]) if result.thumbnails else {}
    kind, value = result.query["kind"], str(result.query["value"])
    query_image = _image_file(value) if kind == "image" else thumbnails.get(next(iter(query_keys), ""))
    query = Tile(query_image, (f"query: {kind}", value), None) if kind != "text" else None
    tiles = [Tile(thumbnails.get(hit.sample["key"]), _caption(hit), _frame(result, hit)) for hit in result.hits]
    title = f"{kind} {value} in {result.space.name}"
    contact_sheet(query, tiles, out, title)


def _image_file(path: str) -> bytes:
    return Path(path).read_bytes()


def _frame(result: SearchResult, hit: Hit) -> str | None:
    """Return green for the identity (or else label) of the query, red for another one, None if unknown."""
    for name in ("identity", "label"):
        values = {sample[name] for sample in result.query_samples if sample[name] is not None}
        if values and hit.sample[name] is not None:
            return RIGHT if hit.sample[name] in values else WRONG
    return None


def _caption(hit: Hit) -> tuple[str, ...]:
    name = hit.group or hit.sample["identity"] or hit.sample["label"] or ""
    return (f"{hit.rank}. {hit.score:.4f}", *([name] if name else []), hit.sample["id"])
