"""Describe the contents of a store, as data and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from retrieval.store.ann_info import ann_lines, describe_ann
from retrieval.store.lance import is_remote
from retrieval.store.schema import vectors_table
from retrieval.store.sizes import disk_sizes, human_bytes

MOST_CLASSES = 20
"""Highest number of classes and failures in tables; JSON has all."""

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from rich.console import RenderableType

    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import Bank
    from retrieval.types.store import SourceInfo


class Describable(Protocol):
    """The part of a store's interface that :func:`describe` uses."""

    uri: str

    def snapshot(self) -> AbstractContextManager[LanceSnapshot]: ...

    def banks(self, space: str | None = None) -> tuple[Bank, ...]: ...

    def split_sets(self) -> Mapping[str, str]: ...


def describe(store: Describable) -> dict[str, Any]:
    """Return counts, spaces, sources, versions, and bytes on disk (None on object storage)."""
    with store.snapshot() as snapshot:
        rows = snapshot.samples(["label", "identity", "aspect", "split", "source", "box_x"])
        return {
            "store": store.uri,
            "store_version": snapshot.store_version,
            "commit": snapshot.commit.number,
            "committed": snapshot.commit.created,
            "counts": {
                "samples": rows.num_rows,
                "objects": rows.num_rows - rows.column("box_x").null_count,
                "identities": _distinct(rows, "identity"),
                "labels": _distinct(rows, "label"),
                "spaces": len(snapshot.spaces),
                "banks": len(store.banks()),
                "split_sets": len(store.split_sets()),
                "failures": snapshot.count("failures"),
            },
            "spaces": [_space(snapshot, space.name) for space in snapshot.spaces],
            "indexes": describe_ann(snapshot),
            "sources": [_source(source) for source in sorted(snapshot.sources)],
            "per_source": _per(rows, "source"),
            "per_class": _per(rows, "label"),
            "per_aspect": _per(rows, "aspect"),
            "per_split": _per(rows, "split"),
            "failures": snapshot.read("failures").to_pylist(),
            "tables": dict(snapshot.commit.tables),
            "bytes": None if is_remote(store.uri) else disk_sizes(Path(store.uri)),
        }


def _space(snapshot: LanceSnapshot, name: str) -> dict[str, Any]:
    space = snapshot.space(name)
    spec = space.spec
    return {
        "name": space.name,
        "fingerprint": space.fingerprint,
        "vectors": snapshot.count(vectors_table(space.fingerprint)),
        "dimension": space.dimension,
        "views": list(space.views),
        "imported": space.imported,
        "encoder": f"{spec.family}/{spec.model}",
        "weights": spec.weights,
        "precision": spec.precision,
        "licence": spec.licence,
        "preprocess": None if spec.preprocess is None else asdict(spec.preprocess),
        "created": space.created,
        "state": space.state,
        "parent": space.parent,
    }


def _source(source: SourceInfo) -> dict[str, Any]:
    return {"name": source.name, "kind": source.kind, "root": source.root, "position": source.position}


def _per(rows: pa.Table, column: str) -> dict[str, int]:
    counts = rows.column(column).drop_null().value_counts().to_pylist()
    return dict(sorted((row["values"], row["counts"]) for row in counts))


def _distinct(rows: pa.Table, column: str) -> int:
    return len(rows.column(column).drop_null().unique())


def info_tables(description: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Render the result of :func:`describe` as lines and a table of the spaces."""
    from rich.table import Table
    from rich.text import Text

    numbers = description["counts"].items()
    counts = ", ".join(_counted(number, name.replace("_", " ")) for name, number in numbers if number)
    size = "" if description["bytes"] is None else f", {human_bytes(description['bytes']['total'])} on disk"
    yield Text(f"{description['store']}: version {description['store_version']}, {counts or 'empty'}{size}")
    spaces = Table(
        "space", "vectors", "dimension", "views", "encoder", "weights", "precision", box=None, pad_edge=False
    )
    for space in description["spaces"]:
        kind = "imported" if space["imported"] else space["encoder"]
        weights = space["weights"].rsplit("/", 1)[-1]
        views = ",".join(space["views"])
        shape = (f"{space['vectors']:,}", str(space["dimension"]))
        spaces.add_row(space["name"], *shape, views, kind, weights, space["precision"])
    if description["spaces"]:
        yield spaces
    yield from map(Text, ann_lines(description["indexes"]))
    for name, title in (
        ("per_source", "source"),
        ("per_split", "split"),
        ("per_aspect", "aspect"),
        ("per_class", "label"),
    ):
        if description[name]:
            yield Text(_per_line(title, description[name]))
    for failure in description["failures"][:MOST_CLASSES]:
        yield Text(f"unreadable: {failure['source']} {failure['uri']}: {failure['reason']}")


def _per_line(title: str, counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in list(counts.items())[:MOST_CLASSES])
    more = f", and {len(counts) - MOST_CLASSES} more" if len(counts) > MOST_CLASSES else ""
    return f"per {title}: {shown}{more}"


def _counted(number: int, things: str) -> str:
    one = {"identities": "identity"}.get(things, things.removesuffix("s"))
    return f"{number:,} {one if number == 1 else things}"
