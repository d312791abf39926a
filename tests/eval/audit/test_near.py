from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from eval.api import evaluate
from retrieval.store.memory import MemoryStore
from tests.support.audit_samples import IDENTITY, SPLIT, N, clusters, store_of


def burst(**columns: Any) -> MemoryStore:
    """Samples 00 (gallery) and 01 (query) look alike: near vectors, and hashes that differ in two bits."""
    vectors = clusters(8, 5, noise=0.5, d=64)
    vectors[1] = vectors[0] + 0.45 * vectors[30]
    vectors[1] /= np.linalg.norm(vectors[1])
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, N)
    hashes[1] = hashes[0] ^ 0b101
    known: dict[str, Any] = {"identity": IDENTITY, "split": SPLIT, "aspect": ["a"] * N, "camera": ["c"] * N}
    return store_of(vectors, phash=pa.array(hashes, pa.int64()), **known | columns)


def near(store: MemoryStore, **options: Any) -> list[str]:
    result = evaluate(store, "reid", options={"bootstrap": 10, **options})
    return [warning for warning in result.warnings if "nearly the same" in warning]


def test_an_evaluation_says_what_an_audit_of_its_draws_finds() -> None:
    assert near(burst(), camera_rule="none") == [
        "1 pair of nearly the same picture is query and gallery of one draw (bursts, copies) (audit shows them)."
    ]


def test_pairs_that_are_not_ranked_do_not_count() -> None:
    assert near(burst(camera=["c0", "c0", *(f"c{at}" for at in range(N - 2))])) == []
    grouped = burst(group=["g", "g", *(f"g{at}" for at in range(N - 2))])
    assert near(grouped, camera_rule="none", group_rule="exclude") == []
