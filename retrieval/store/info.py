"""Describe the contents of a store, as data and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from retrieval.fitted_table import FittedTable, Kind
from retrieval.store.ann_info import ann_lines, describe_ann
from retrieval.store.lance import is_remote
from retrieval.store.schema import vectors_table
from retrieval.store.sizes import disk_sizes, human_bytes
from retrieval.store.spaces import default_space, parent_name

MOST_CLASSES = 20
"""Highest number of labels and failures in tables; JSON has all."""

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import Bank, SpaceInfo
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
                "forgotten": snapshot.count("forgotten"),
            },
            "spaces": [_space(snapshot, space) for space in snapshot.spaces],
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


def _space(snapshot: LanceSnapshot, space: SpaceInfo) -> dict[str, Any]:
    spec, default = space.spec, default_space(snapshot.spaces)
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
        "parent_name": parent_name(snapshot.spaces, space),
        "promoted": space.promoted,
        "default": default is not None and default.fingerprint == space.fingerprint,
    }


def _source(source: SourceInfo) -> dict[str, Any]:
    return {"name": source.name, "kind": source.kind, "root": source.root, "position": source.position}


def _per(rows: pa.Table, column: str) -> dict[str, int]:
    counts = rows.column(column).drop_null().value_counts().to_pylist()
    return dict(sorted((row["values"], row["counts"]) for row in counts))


def _distinct(rows: pa.Table, column: str) -> int:
    return len(rows.column(column).drop_null().unique())


def info_tables(description: Mapping[str, Any]) -> Iterator[FittedTable]:
    """Render the result of :func:`describe`: spaces and indexes, samples per column, files that cannot be read."""
    numbers = description["counts"].items()
    counts = ", ".join(_counted(number, name.replace("_", " ")) for name, number in numbers if number)
    size = "" if description["bytes"] is None else f", {human_bytes(description['bytes']['total'])} on disk"
    head = f"{description['store']}: version {description['store_version']}, {counts or 'empty'}{size}"
    yield _spaces_table(description["spaces"], head, "\n".join(ann_lines(description["indexes"])))
    samples = FittedTable()
    samples.add_column("samples per")
    samples.add_column("", "prose")
    for title, key in (("source", "source"), ("split", "split"), ("aspect", "aspect"), ("label", "class")):
        if description[f"per_{key}"]:
            samples.add_row(title, _shown(description[f"per_{key}"]))
    if samples.rows:
        yield samples
    if description["failures"]:
        yield _failures_table(description["failures"])


def _spaces_table(spaces: Sequence[Mapping[str, Any]], title: str, caption: str) -> FittedTable:
    table = FittedTable(title, caption)
    for name in ("space", "vectors", "dimension", "views", "encoder", "weights", "precision") if spaces else ():
        table.add_column(name, "number" if name in {"vectors", "dimension"} else "text")
    states, parents = [_state(space) for space in spaces], [space["parent_name"] or "" for space in spaces]
    others = {name: cells for name, cells in (("state", states), ("made from", parents)) if any(cells)}
    for name in others:
        table.add_column(name)
    for at, space in enumerate(spaces):
        kind = "imported" if space["imported"] else space["encoder"]
        weights = "/".join(space["weights"].split("/")[-2 if space["weights"].endswith("/encoder") else -1 :])
        views = ",".join(space["views"])
        shape = (f"{space['vectors']:,}", str(space["dimension"]))
        more = (cells[at] for cells in others.values())
        table.add_row(space["name"], *shape, views, kind, weights, space["precision"], *more)
    return table


def _state(space: Mapping[str, Any]) -> str:
    """Return a word where a space is not complete, or was made the default."""
    if space["state"] != "complete":
        return str(space["state"])
    return "default" if space["default"] and space["promoted"] else ""


def _failures_table(failures: Sequence[Mapping[str, str]]) -> FittedTable:
    more = f" (the first {MOST_CLASSES} of {len(failures):,})" if len(failures) > MOST_CLASSES else ""
    table = FittedTable(f"Files that cannot be read, and flaws{more}")
    columns: Mapping[str, Kind] = {"source": "text", "reason": "prose", "file": "path"}
    for name, kind in columns.items():
        table.add_column(name, kind)
    for failure in failures[:MOST_CLASSES]:
        table.add_row(failure["source"], failure["reason"], failure["uri"])
    return table


def _shown(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The first names with their counts, and how many more there are."""
    shown = [f"{name} {number:,}" for name, number in list(counts.items())[:MOST_CLASSES]]
    more = [f"and {len(counts) - MOST_CLASSES:,} more"] if len(counts) > MOST_CLASSES else []
    return (*shown, *more)


def _counted(number: int, things: str) -> str:
    one = {"identities": "identity"}.get(things, things.removesuffix("s"))
    return f"{number:,} {one if number == 1 else things}"
