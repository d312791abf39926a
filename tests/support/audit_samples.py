"""Pools, split sets and stores in memory that tests of the audit plant faults in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from eval.runs.audit import COLUMNS
from eval.seams.samples import Pool
from retrieval.store.memory import MemoryStore
from retrieval.types import Float32, SplitSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.audit.findings import Finding


PEOPLE, IMAGES = 8, 5
N = PEOPLE * IMAGES
IDENTITY = [f"p{at // IMAGES}" for at in range(N)]
SPLIT = ["gallery" if at % IMAGES == 0 else "query" for at in range(N)]


def pool(**samples: dict[str, Any]) -> Pool:
    """Samples by id; a column that is not said is unknown, and every sample has a content of its own."""
    ids = sorted(samples)
    full = [dict.fromkeys(COLUMNS) | {"uri": f"{name}.jpg", "key": f"key-{name}"} | samples[name] for name in ids]
    columns = {name: np.array([row[name] for row in full] + [None], np.object_)[:-1] for name in COLUMNS}
    return Pool(np.array(ids), columns)


def split_set(*draws: dict[str, str]) -> SplitSet:
    """Per draw, roles to the ids that have it, as in ``{"query": "a b"}``."""
    rows = [
        (number, sample, role)
        for number, draw in enumerate(draws)
        for role, names in draw.items()
        for sample in names.split()
    ]
    numbers, samples, roles = zip(*rows, strict=True)
    return SplitSet("mine", np.array(numbers, np.int64), np.array(samples), np.array(roles))


def said(findings: Sequence[Finding]) -> dict[str, tuple[str, list[tuple[str, ...]]]]:
    """Check -> severity and the samples of every item, sorted; counts are checked on the way."""
    assert all(found.count == len(found.items) for found in findings)
    assert len({found.check for found in findings}) == len(findings)
    return {found.check: (found.severity, sorted(item.samples for item in found.items)) for found in findings}


def clusters(n: int, images: int, noise: float = 0.05, d: int = 16, seed: int = 0) -> Float32:
    """Unit vectors (n * images, d), ``images`` around each of n centres."""
    rng = np.random.default_rng(seed)
    raw = np.repeat(rng.standard_normal((n, d)), images, axis=0) + noise * rng.standard_normal((n * images, d))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def store_of(vectors: Float32, *, drop: int = 0, **columns: Any) -> MemoryStore:
    """One sample a vector, with ids 00, 01, ...; the last ``drop`` have none."""
    ids = [f"{at:02d}" for at in range(len(vectors))]
    base = {"id": ids, "source": ["s"] * len(ids), "uri": [f"{name}.jpg" for name in ids], "key": ids}
    table = pa.table(base | columns)
    keys = table.column("key").to_pylist()
    first = {key: at for at, key in reversed(list(enumerate(keys)))}
    kept = sorted(first.values())[: len(first) - drop]
    views = {"base": ([keys[at] for at in kept], vectors[kept])}
    return MemoryStore(table, {"model@1234": views}, writable=True)
