"""Stores with a good and a worse space over the same samples, and the comparison of rankings in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.protocols.hands import HAND_ASPECTS
from eval.runs.compare import compare_requests
from eval.runs.compare_ranking import RankingComparison
from eval.runs.request import EvalRequest
from retrieval.store.memory import MemoryStore
from retrieval.types.store import EmbeddingStore
from tests.support.identity_stores import people, sample_table, vectors_of

Rows = list[dict[str, Any]]


def compare(store: EmbeddingStore, first: EvalRequest, second: EvalRequest) -> RankingComparison:
    """Compare two requests of rankings."""
    comparison = compare_requests(store, first, second)
    assert isinstance(comparison, RankingComparison)
    return comparison


def two_spaces(rows: Rows) -> MemoryStore:
    """Spaces ``sharp`` and ``dull``: the second is the first with noise; two views each."""
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    spaces = {}
    for name, noise in (("sharp", 0.0), ("dull", 0.3)):
        views = {}
        for seed, view in enumerate(("base", "hflip")):
            raw = vectors_of(rows, seed=seed) + noise * np.random.default_rng(9 + seed).standard_normal((len(rows), 16))
            views[view] = (keys, (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32))
        spaces[name] = views
    return MemoryStore(samples, spaces)


def hands(n: int = 12) -> Rows:
    """Hands of n people in all four aspects, as clipfh-11k and cross-aspect take them."""
    return people(n, 3, HAND_ASPECTS, split="test", meta_accessories=0)
