"""Arrow schemas of the tables of a store; docs/decisions/0014-store-format-2.md describes each column."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

FORMAT = 2
"""Version of the layout. Stores of other formats are refused."""

META_PREFIX = "meta_"

COMMITS = pa.schema(
    [
        ("format", pa.int32()),
        ("commit", pa.int64()),
        ("store_version", pa.int64()),
        ("tables", pa.string()),
        ("files", pa.string()),
        ("note", pa.string()),
        ("created", pa.string()),
        ("sha256", pa.string()),
    ]
)

SAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("uri", pa.string()),
        ("position", pa.int64()),
        ("content", pa.string()),
        ("crop", pa.string()),
        ("key", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("phash", pa.int64()),
        ("box_x", pa.float64()),
        ("box_y", pa.float64()),
        ("box_width", pa.float64()),
        ("box_height", pa.float64()),
        ("polygon", pa.list_(pa.float64())),
        ("label", pa.string()),
        ("identity", pa.string()),
        ("aspect", pa.string()),
        ("camera", pa.string()),
        ("group", pa.string()),
        ("captured_at", pa.timestamp("us")),
        ("split", pa.string()),
    ]
)

SPACES = pa.schema(
    [
        ("fingerprint", pa.string()),
        ("name", pa.string()),
        ("spec", pa.string()),
        ("dimension", pa.int32()),
        ("views", pa.list_(pa.string())),
        ("created", pa.string()),
        ("state", pa.string()),
        ("parent", pa.string()),
        ("matrix", pa.large_binary()),
        ("matrix_shape", pa.list_(pa.int32())),
        ("promoted", pa.string()),
    ]
)

SOURCES = pa.schema(
    [
        ("name", pa.string()),
        ("kind", pa.string()),
        ("root", pa.string()),
        ("position", pa.int64()),
        ("next_position", pa.int64()),
    ]
)

THUMBNAILS = pa.schema([("key", pa.string()), ("webp", pa.binary())])

FAILURES = pa.schema([("source", pa.string()), ("uri", pa.string()), ("reason", pa.string())])

FORGOTTEN = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("content", pa.string()),
        ("forgotten", pa.string()),
        ("reason", pa.string()),
    ]
)

BANKS = pa.schema(
    [
        ("sha256", pa.string()),
        ("name", pa.string()),
        ("space", pa.string()),
        ("kind", pa.string()),
        ("origin", pa.string()),
        ("dimension", pa.int32()),
        ("vectors", pa.large_binary()),
        ("edge_vector", pa.list_(pa.int64())),
        ("edge_class", pa.list_(pa.string())),
        ("texts", pa.list_(pa.string())),
        ("bias", pa.list_(pa.float32())),
        ("temperature", pa.float64()),
    ]
)

SPLITS = pa.schema(
    [
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("draw", pa.int32()),
        ("sample", pa.string()),
        ("role", pa.string()),
    ]
)

RESULTS = pa.schema(
    [
        ("sha256", pa.string()),
        ("mode", pa.string()),
        ("created", pa.string()),
        ("result", pa.large_string()),
    ]
)

COMMITTED = {
    "samples": SAMPLES,
    "spaces": SPACES,
    "sources": SOURCES,
    "thumbnails": THUMBNAILS,
    "failures": FAILURES,
    "forgotten": FORGOTTEN,
}
"""Tables whose versions are in the commit record, beside one table ``vectors_*`` per space."""

APPENDED = {"banks": BANKS, "splits": SPLITS, "results": RESULTS}
"""Append-only tables whose rows are addressed by their hash; they need neither the lock nor a commit."""


def is_ours(name: str) -> bool:
    """Return whether a table of this name belongs to a store; other tables in its folder are never changed."""
    return (
        name == "commits" or name in COMMITTED or name in APPENDED or bool(re.fullmatch(r"vectors_[0-9a-f]{32}", name))
    )


def is_large(name: str) -> bool:
    """Return whether a table is too large to be read whole before rows or columns of it are read."""
    return name == "thumbnails" or name.startswith("vectors_")


def vectors_table(fingerprint: str) -> str:
    """Return the name of the table with the vectors of a space."""
    return f"vectors_{fingerprint}"


def vectors_schema(dimension: int, views: tuple[str, ...], widths: Mapping[str, int] | None = None) -> pa.Schema:
    """Return the schema of a table of vectors: ``key``, and the columns of each view.

    Args:
        dimension: dimension of the space.
        views: the views.
        widths: dimensions of views that have another.
    """
    fields = [pa.field("key", pa.string())]
    for view in views:
        fields += view_fields((widths or {}).get(view, dimension), view)
    return pa.schema(fields)


def view_fields(dimension: int, view: str) -> list[pa.Field]:
    """Return the two columns of a view: the unit vector, and its length before normalisation."""
    return [pa.field(f"v_{view}", pa.list_(pa.float32(), dimension)), pa.field(f"n_{view}", pa.float32())]
