"""Stores with as many vectors as an approximate index needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.search.exact import FEW
from retrieval.types import Embeddings
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore

DIMENSION, CLUSTERS = 16, 500
NAMES = [f"n{at:05d}" for at in range(FEW)]


def clustered_store(path: Path, *, identities: bool = True) -> LanceStore:
    """A store of vectors round 500 centres, each of which is an identity, from two cameras in turn."""
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, CLUSTERS, FEW)
    raw = rng.standard_normal((CLUSTERS, DIMENSION))[clusters] + 0.6 * rng.standard_normal((FEW, DIMENSION))
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    columns = {"identity": [f"p{cluster}" for cluster in clusters]} if identities else {}
    embeddings = Embeddings(raw.astype(np.float32), np.ones(FEW, np.float32))
    return store_with(path, NAMES, embeddings, camera=["1", "2"] * (FEW // 2), **columns)[0]


def add_vector(store: LanceStore, name: str = "new") -> None:
    """Add a sample with a vector."""
    with store.writer() as writer:
        space = writer.snapshot.space()
        writer.append_vectors(space, [key(name)], {"base": unit(1, DIMENSION, seed=9)})
        writer.append_samples(rows([name]))
        writer.commit("more")
