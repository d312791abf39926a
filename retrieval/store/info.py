"""What a store holds, as data and as a page for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.store.open import LanceStore, is_remote
from retrieval.store.schema import vectors_table

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.store.snapshot import LanceSnapshot


def describe(store: LanceStore) -> dict[str, Any]:
    """Counts, spaces, sources, versions and bytes on disk (null on object storage)."""
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
            "sources": snapshot.read("sources").sort_by("name").to_pylist(),
            "per_source": _per(rows, "source"),
            "per_class": _per(rows, "label"),
            "per_aspect": _per(rows, "aspect"),
            "per_split": _per(rows, "split"),
            "failures": snapshot.read("failures").to_pylist(),
            "tables": dict(snapshot.commit.tables),
            "bytes": None if is_remote(store.uri) else _sizes(Path(store.uri)),
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
        "created": space.created,
    }


def _per(rows: pa.Table, column: str) -> dict[str, int]:
    counts = rows.column(column).drop_null().value_counts().to_pylist()
    return dict(sorted((row["values"], row["counts"]) for row in counts))


def _distinct(rows: pa.Table, column: str) -> int:
    return len(rows.column(column).drop_null().unique())


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {"total": 0}
    for child in sorted(folder.iterdir()):
        size = (
            sum(f.stat().st_size for f in child.rglob("*") if f.is_file()) if child.is_dir() else child.stat().st_size
        )
        if child.is_dir():
            sizes[child.name.removesuffix(".lance")] = size
        sizes["total"] += size
    return sizes
