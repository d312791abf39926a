"""The projection of an image tower as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from retrieval.encoders.adapter import mapped_vectors
from retrieval.encoders.projection import projection_matrix
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError
from retrieval.types import Embeddings
from tests.support import tiny_open_clip as tiny
from tests.support.encoder_folders import classifier, two_towers

if TYPE_CHECKING:
    from pathlib import Path


def test_the_projection_of_a_transformer_gives_its_vectors(tmp_path: Path) -> None:
    tiny.register(tmp_path)
    encoder: Any = load(resolve(EncoderRequest(str(two_towers(tmp_path / "e")), precision="fp32", device="cpu")), "cpu")
    batch = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    base, before = encoder.encode_both(batch)
    matrix = projection_matrix(encoder)
    assert matrix.shape == (encoder.dimension, encoder.unprojected_dimension)
    projected = before.vectors @ matrix.T
    assert np.allclose(projected / np.linalg.norm(projected, axis=1, keepdims=True), base.vectors, atol=1e-5)


class _Tower(torch.nn.Module):
    """An image tower as timm's, of which only the head is looked at."""

    def __init__(self, *layers: torch.nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = torch.nn.Identity(), torch.nn.Sequential(*layers)


def test_a_single_layer_is_a_matrix_and_its_bias_a_column(tmp_path: Path) -> None:
    tiny.register(tmp_path)
    encoder: Any = tiny.encoder(random_init=0)
    for bias in (False, True):
        layer = torch.nn.Linear(4, 3, bias=bias)
        encoder._model.visual = _Tower(torch.nn.Dropout(), layer)
        matrix = projection_matrix(encoder)
        assert np.array_equal(matrix[:, :4], layer.weight.detach().numpy())
        raw = 3 * np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
        lengths = np.linalg.norm(raw, axis=1)
        want = layer(torch.from_numpy(raw)).detach().numpy()
        found = mapped_vectors(Embeddings(raw / lengths[:, None], lengths), matrix).vectors
        assert np.allclose(found, want / np.linalg.norm(want, axis=1, keepdims=True), atol=1e-5)
    encoder._model.visual = _Tower(torch.nn.Linear(4, 4), torch.nn.Linear(4, 3))
    with pytest.raises(InputError, match=r"has several layers, so it is no matrix; .*`method=rla`"):
        projection_matrix(encoder)


def test_an_encoder_without_texts_has_no_projection(tmp_path: Path) -> None:
    encoder = load(resolve(EncoderRequest(str(classifier(tmp_path / "e")), device="cpu")), "cpu")
    with pytest.raises(InputError, match="timm/test_vit has no projection after its image tower"):
        projection_matrix(encoder)
