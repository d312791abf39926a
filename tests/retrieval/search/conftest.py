"""Stores that searches are tested in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.types import Embeddings
from tests.support.sample_stores import store_with

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore

NAMES = ["a1", "a2", "b1", "b2", "c1", "n1"]
LABELS = ["a", "a", "b", "b", "c", None]
ANGLES = np.radians([0, 10, 30, 50, 80, 5])


@pytest.fixture(scope="session")
def circle_store(tmp_path_factory: pytest.TempPathFactory) -> LanceStore:
    """Six samples whose vectors lie on a circle, at 0, 10, 30, 50, 80 and 5 degrees."""
    vectors = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)
    made, _ = store_with(
        tmp_path_factory.mktemp("search") / "s",
        NAMES,
        Embeddings(vectors, np.ones(6, np.float32)),
        label=LABELS,
        identity=[f"i{name}" for name in NAMES],
        camera=["1", "2", "1", "2", "1", "1"],
    )
    return made
