"""A store of imported vectors with labels and splits, quick to make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.command_line import call_cli

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "train", "train", "val", "test")


def make_vector_store(folder: Path, classes: int = 3, images: int = 25, seed: int = 0) -> Path:
    """Vectors of 8 numbers around a centre per class; three fifths of them are for training."""
    rng = np.random.default_rng(seed)
    label = np.arange(classes * images) % classes
    n = len(label)
    arrays: dict[str, Any] = {
        "vectors": (rng.standard_normal((classes, 8))[label] + rng.standard_normal((n, 8))).astype(np.float32),
        "label": np.array([f"class {code}" for code in label]),
        "split": np.array([SPLITS[at // classes % len(SPLITS)] for at in range(n)]),
        "filepath": np.array([f"{at:04d}.jpg" for at in range(n)]),
    }
    np.savez(folder / "vectors.npz", **arrays)
    words = ("--vectors", "vectors", "--space-name", "imported", "--store", folder / "store")
    call_cli("import-vectors", folder / "vectors.npz", *words)
    return folder / "store"
