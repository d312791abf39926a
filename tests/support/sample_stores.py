"""Stores on disk with one space, their rows and random vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from retrieval.store.open import LanceStore, create_store
from retrieval.types import Embeddings, EncoderSpec, Preprocess, SpaceInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PIXELS = Preprocess(8, (8, 8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def spec(name: str = "model", precision: Any = "fp32") -> EncoderSpec:
    """Identity of an encoder that no test needs to run."""
    return EncoderSpec("timm", name, "random:0", f"random-init:0:{name}", PIXELS, precision, 8)


def unit(n: int, d: int = 16, seed: int = 0) -> Embeddings:
    """Random unit vectors and their lengths before."""
    raw = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    lengths = np.linalg.norm(raw, axis=1)
    return Embeddings((raw / lengths[:, None]).astype(np.float32), lengths)


def key(name: str) -> str:
    """A content key for a test's own name."""
    return f"{name:0>32}"


def rows(names: Sequence[str], **columns: Any) -> pa.Table:
    """Rows of ``samples`` with ids and keys made from names; a column is one value for all, or a list."""
    n = len(names)
    keys = [key(name) for name in names]
    base: dict[str, Any] = {"id": list(names), "source": ["s"] * n, "uri": [f"{name}.jpg" for name in names]}
    base |= {"content": keys, "crop": ["whole"] * n, "key": keys, "position": list(range(n))}
    return pa.table(base | {k: v if isinstance(v, list) else [v] * n for k, v in columns.items()})


def store_with(path: Path, names: Sequence[str], vectors: Embeddings, **columns: Any) -> tuple[LanceStore, SpaceInfo]:
    """A store with one space and these samples."""
    store = create_store(path)
    with store.writer() as writer:
        space = writer.register_space(spec(), vectors.vectors.shape[1], ("base",))
        writer.append_vectors(space, [key(name) for name in names], {"base": vectors})
        writer.append_samples(rows(names, **columns))
        writer.commit("test")
    return store, space
