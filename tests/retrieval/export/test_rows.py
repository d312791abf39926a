"""Rows and blocks of an export, and its principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.decomposition import PCA

from retrieval.export import rows as rows_module
from retrieval.export.projection import principal_components
from retrieval.export.rows import ExportRows, read_rows
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"a{at:02}" for at in range(40)]


def exported(folder: Path, d: int = 16, where: str | None = None) -> ExportRows:
    store, space = store_with(folder / "s", NAMES, unit(40, d), label=["x", "y"] * 20, meta_void=[None] * 40)
    with store.snapshot() as snapshot:
        return read_rows(snapshot, space, "base", where)


def test_columns_that_no_sample_has_are_left_out(tmp_path: Path) -> None:
    rows = exported(tmp_path)
    assert rows.samples.column_names == ["id", "source", "filepath", "label", "vector_length"]
    assert (len(rows), rows.dimension, rows.without_vector, rows.renamed) == (40, 16, 0, 0)


def test_blocks_are_all_rows_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "BLOCK_BYTES", 3 * 16 * 4)
    rows = exported(tmp_path, where="label = 'y'")
    starts, blocks = zip(*rows.blocks(), strict=True)
    assert starts == tuple(range(0, 20, 3))
    assert np.array_equal(np.concatenate(blocks), unit(40).vectors[1::2])
    assert np.array_equal(np.concatenate([block for _, block in rows.blocks(5, 11)]), unit(40).vectors[1::2][5:11])


@pytest.mark.parametrize("d", [1, 2, 16])
def test_principal_components_are_those_of_scikit_learn(tmp_path: Path, d: int) -> None:
    rows = exported(tmp_path, d)
    points = principal_components(rows)
    expected = PCA(min(2, d)).fit_transform(unit(40, d).vectors.astype(np.float64))
    for at in range(min(2, d)):
        same = np.sign((points[:, at] * expected[:, at]).sum())
        np.testing.assert_allclose(points[:, at], same * expected[:, at], atol=1e-5)
    assert np.array_equal(points, principal_components(rows))
