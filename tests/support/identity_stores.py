"""Stores in memory whose samples have identities, aspects and cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from eval.seams.samples import Pool
from retrieval.store.memory import MemoryStore
from retrieval.types import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.schema import EvalResult
    from retrieval.types import Float32

RankedStore: TypeAlias = "tuple[MemoryStore, EvalResult]"
"""A store and the result of a ranking of it."""

TEXTS = ("identity", "aspect", "camera", "split")


def people(n: int, images: int, aspects: Sequence[str | None] = (None,), **columns: Any) -> list[dict[str, Any]]:
    """n people with so many images of every aspect."""
    return [
        {"uri": f"{aspect}/{person}_{image}.jpg", "identity": f"{person:03d}", "aspect": aspect, **columns}
        for aspect in aspects
        for person in range(n)
        for image in range(images)
    ]


def vectors_of(rows: Sequence[dict[str, Any]], d: int = 16, seed: int = 0) -> Float32:
    """Unit vectors around a centre per identity, so that rankings are neither perfect nor random."""
    rng = np.random.default_rng(seed)
    centres = {name: rng.standard_normal(d) for name in sorted({str(row["identity"]) for row in rows})}
    raw = np.array([centres[str(row["identity"])] + 1.2 * rng.standard_normal(d) for row in rows])
    vectors: Float32 = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def sample_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of ``samples``, ids and keys made from source and uri, in the order given."""
    full = [{"source": "s", **dict.fromkeys(TEXTS), **row} for row in rows]
    for row in full:
        row["id"] = row["key"] = digest(row["source"], row["uri"])
    columns = dict.fromkeys(name for row in full for name in row)
    texts = {"id", "key", "source", "uri", *TEXTS}
    return pa.table(
        {name: pa.array([row.get(name) for row in full], pa.string() if name in texts else None) for name in columns}
    )


def memory_store(rows: Sequence[dict[str, Any]], *, writable: bool = True, drop: int = 0) -> MemoryStore:
    """A store with one space of two views; the last ``drop`` rows have no vector."""
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()[: len(rows) - drop]
    views = {view: (keys, vectors_of(rows, seed=seed)[: len(keys)]) for seed, view in enumerate(("base", "hflip"))}
    return MemoryStore(samples, {"model@1234": views}, writable=writable)


def pool_of(rows: Sequence[dict[str, Any]]) -> Pool:
    """The same rows as a protocol sees them."""
    table = sample_table(rows)
    values = {name: np.array(table.column(name).to_pylist(), dtype=np.object_) for name in table.column_names}
    return Pool(values.pop("id").astype(np.str_), values)
