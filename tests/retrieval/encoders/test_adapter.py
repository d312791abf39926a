"""Linear adapters: the product, and the files that describe one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.adapter import (
    BLOCK,
    MATRIX,
    PARENT,
    adapted_vectors,
    adapter_spec,
    parent_json,
    read_adapter,
)
from retrieval.encoders.artefact import write_card
from retrieval.errors import InputError, WeightsError
from tests.support.encoder_folders import PIXELS, linear_adapter
from tests.support.sample_stores import spec, unit

if TYPE_CHECKING:
    from pathlib import Path

TURN = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)


def test_vectors_are_multiplied_and_normalised() -> None:
    vectors = unit(2 * BLOCK + 3, 8).vectors
    made = adapted_vectors(vectors, TURN)
    slow = np.array([TURN.astype(np.float64) @ vector for vector in vectors.astype(np.float64)])
    lengths = np.linalg.norm(slow, axis=1)
    assert made.vectors.dtype == made.norms.dtype == np.float32
    assert np.allclose(made.vectors, slow / lengths[:, None], atol=1e-7)
    assert np.allclose(made.norms, lengths, rtol=1e-6)
    assert adapted_vectors(vectors[:0], TURN).vectors.shape == (0, 5)


def test_a_vector_has_the_same_bits_in_any_company() -> None:
    vectors = unit(BLOCK + 40, 8).vectors
    whole = adapted_vectors(vectors, TURN)
    for row in (0, 1, BLOCK - 1, BLOCK, BLOCK + 39):
        alone = adapted_vectors(vectors[row : row + 1], TURN)
        assert np.array_equal(alone.vectors[0], whole.vectors[row])
        assert alone.norms[0] == whole.norms[row]


def test_a_matrix_that_does_not_fit_is_told() -> None:
    vectors = unit(3, 8).vectors
    with pytest.raises(WeightsError, match=r"shape \(5, 8\) and cannot map vectors of shape \(3, 7\)"):
        adapted_vectors(vectors[:, 1:], TURN)
    with pytest.raises(WeightsError, match="maps vector 0 to zero"):
        adapted_vectors(vectors, np.zeros_like(TURN))
    with pytest.raises(WeightsError, match="lower learning rate"):
        adapted_vectors(vectors, np.full_like(TURN, np.inf))


def test_a_folder_gives_back_its_adapter(tmp_path: Path) -> None:
    parent = replace(spec(), licence="mit", batch_size=3)
    folder = linear_adapter(tmp_path / "encoder", parent, TURN, "prolip", "preproj")
    found = read_adapter(tmp_path)
    assert (found.parent, found.view) == (parent, "preproj")
    assert np.array_equal(found.matrix, TURN)
    made = adapter_spec(folder)
    assert (made.family, made.model, made.weights) == ("adapter", "timm/model+prolip", f"folder:{folder}")
    assert (made.preprocess, made.precision, made.batch_size, made.licence) == (parent.preprocess, "fp32", 3, "mit")
    other = linear_adapter(tmp_path / "other", parent, -TURN, "prolip", "preproj")
    assert adapter_spec(other).fingerprint != made.fingerprint


def test_an_adapter_of_imported_vectors_has_a_spec(tmp_path: Path) -> None:
    parent = replace(spec("features"), family="imported", preprocess=None)
    assert adapter_spec(linear_adapter(tmp_path / "a", parent, TURN)).preprocess is None


def test_damaged_descriptions_are_told(tmp_path: Path) -> None:
    values = json.loads(parent_json(spec(), "base"))
    for name, content in {
        "list": [],
        "no-spec": {"view": "base"},
        "another": {**values, "fingerprint": "0" * 32},
        "short": {**values, "spec": {"family": "timm"}},
    }.items():
        folder = linear_adapter(tmp_path / name, spec(), TURN)
        (folder / PARENT).write_text(json.dumps(content))
        _write_card_again(folder, "adapter")
        with pytest.raises(InputError, match=r"parent\.json does not describe the parent"):
            read_adapter(folder)
    folder = linear_adapter(tmp_path / "family", spec(), TURN)
    _write_card_again(folder, "timm")
    with pytest.raises(InputError, match="holds no adapter"):
        adapter_spec(folder)


@pytest.mark.parametrize("tensors", [{"other": torch.ones(2, 2)}, {MATRIX: torch.ones(2)},
                                     {MATRIX: torch.full((2, 2), torch.nan)}])  # fmt: skip
def test_a_matrix_that_is_none_is_told(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    folder = linear_adapter(tmp_path / "a", spec(), TURN)
    save_file(tensors, folder / "weights.safetensors")
    _write_card_again(folder, "adapter")
    with pytest.raises(WeightsError, match=r"weights\.safetensors.*matrix.*train the adapter again"):
        read_adapter(folder)


def _write_card_again(folder: Path, family: str) -> None:
    write_card(folder, family, "m+rla", PIXELS, "weights.safetensors", ["weights.safetensors", PARENT])
