"""Shared neighbours against a slow reference, and which images are said to have moved most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.types import Float32, SpaceInfo
from tests.support.sample_stores import key, spec, store_with, unit
from training.refresh.neighbours import neighbour_change

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore

NAMES = [f"{at:02d}" for at in range(40)]


def nearest(vectors: Float32, k: int) -> list[list[int]]:
    """Slow reference: the k nearest others of every row, equal ones in their order."""
    rows = []
    for at, vector in enumerate(vectors):
        scores = [(-float(vector.astype(np.float64) @ other), row) for row, other in enumerate(vectors) if row != at]
        rows.append([row for _, row in sorted(scores)[:k]])
    return rows


def two_spaces(path: Path, second: Float32, **columns: list[str | None]) -> tuple[LanceStore, SpaceInfo, SpaceInfo]:
    store, first = store_with(path, NAMES, unit(len(NAMES)), **columns)
    with store.writer() as writer:
        new = writer.register_space(spec("second"), second.shape[1], ("base",))
        writer.append_vectors(new, [key(name) for name in NAMES], {"base": (second, np.ones(len(NAMES), np.float32))})  # type: ignore[dict-item]
        writer.commit("second")
    return store, first, new


def test_overlap_and_order_agree_with_a_slow_reference(tmp_path: Path) -> None:
    old, new = unit(len(NAMES)).vectors, unit(len(NAMES), 8, seed=3).vectors
    store, first, second = two_spaces(tmp_path / "s", new, label=[f"c{at % 4}" for at in range(40)])
    with store.snapshot() as snapshot:
        change = neighbour_change(snapshot, first, second, None, "label")
    assert change is not None
    before, after = nearest(old, 10), nearest(new, 10)
    kept = [len(set(a) & set(b)) / 10 for a, b in zip(before, after, strict=True)]
    assert (change.samples, change.k, change.of) == (40, 10, "samples")
    np.testing.assert_allclose(change.overlap, np.mean(kept))
    lost = [new[before[at]] @ new[at] for at in range(40)]
    gained = [new[after[at]] @ new[at] for at in range(40)]
    order = sorted(range(40), key=lambda at: (kept[at], lost[at].mean() - gained[at].mean()))[:10]
    assert [image.id for image in change.moved] == [NAMES[at] for at in order]
    first_moved = change.moved[0]
    assert first_moved.overlap == kept[order[0]]
    assert first_moved.before == tuple(NAMES[row] for row in before[order[0]])
    assert first_moved.names_after == tuple(f"c{row % 4}" for row in after[order[0]])


def test_a_space_that_is_turned_moves_nothing(tmp_path: Path) -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))
    new = (unit(len(NAMES)).vectors.astype(np.float64) @ turned).astype(np.float32)
    store, first, second = two_spaces(tmp_path / "s", new)
    with store.snapshot() as snapshot:
        change = neighbour_change(snapshot, first, second, None, "label")
    assert change is not None
    assert (change.overlap, change.moved) == (1.0, ())


def test_held_out_samples_are_compared_among_themselves(tmp_path: Path) -> None:
    splits: list[str | None] = [("train", "val", "test", None)[at % 4] for at in range(40)]
    store, first, second = two_spaces(tmp_path / "s", unit(len(NAMES), 8, seed=3).vectors, split=splits)
    with store.snapshot() as snapshot:
        change = neighbour_change(snapshot, first, second, None, "identity")
        chosen = neighbour_change(snapshot, first, second, NAMES[:5], "identity")
        alone = neighbour_change(snapshot, first, second, NAMES[:2], "identity")
    assert change is not None
    assert (change.samples, change.k, change.of) == (20, 9, "samples of val, test")
    assert {name for image in change.moved for name in image.before} <= {
        name for name, split in zip(NAMES, splits, strict=True) if split in {"val", "test"}
    }
    assert chosen is not None
    assert (chosen.samples, chosen.k, chosen.of) == (5, 2, "samples of the evaluation")
    assert alone is None
