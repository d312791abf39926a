"""Vectors before the projection of a CLIP, stored as a view of another dimension than the space's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from indexers import api
from retrieval.encoders.registry import load
from retrieval.store.open import open_store
from retrieval.types import ProjectingEncoder, SpaceInfo, VectorMatrix
from tests.support.command_line import call_cli
from tests.support.images import write_images

ENCODER = {"encoder": "open_clip/vitrine-tiny", "precision": "fp32", "device": "cpu"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose images were first indexed without the view, then with it, and one image later."""
    folder = tmp_path_factory.mktemp("preproj")
    write_images(folder / "images", 6)
    api.index(folder / "images", folder / "s", wait=0, quiet=True, **ENCODER)
    before = _vectors(folder / "s", "base")[1]
    report = api.index(folder / "images", folder / "s", wait=0, quiet=True, views="base,preproj", **ENCODER)
    assert report.embedded == 6
    after = _vectors(folder / "s", "base")[1]
    assert np.array_equal(after.data[np.argsort(after.keys)], before.data[np.argsort(before.keys)])
    write_images(folder / "images" / "more", 1, seed=1)
    api.index(folder / "images", folder / "s", wait=0, quiet=True, **ENCODER)
    return folder / "s"


def _vectors(store: Path, view: str) -> tuple[SpaceInfo, VectorMatrix]:
    with open_store(store).snapshot() as snapshot:
        return snapshot.space(), snapshot.vectors(snapshot.space(), view)


def test_a_view_has_a_dimension_of_its_own(store: Path) -> None:
    space, base = _vectors(store, "base")
    _, before = _vectors(store, "preproj")
    assert (space.dimension, space.views) == (160, ("base", "preproj"))
    assert base.data.shape[1] == 160
    assert before.data.shape == (len(base.data), 768)
    assert np.allclose(np.linalg.norm(before.data, axis=1), 1, atol=1e-6)
    assert before.keys.tolist() == base.keys.tolist()
    with open_store(store).snapshot() as snapshot:
        rows = snapshot.norms(space, "base", "preproj")
        assert next(part.data.shape[1] for part in snapshot.vector_parts(space, "preproj")) == 768
    encoder = load(space.spec, "cpu")
    assert isinstance(encoder, ProjectingEncoder)
    layer = encoder.network.visual.attnpool.c_proj  # type: ignore[attr-defined]
    lengths = dict(zip(rows["key"].to_pylist(), rows["n_preproj"].to_pylist(), strict=True))
    raw = before.data * np.array([lengths[key.decode()] for key in before.keys])[:, None]
    projected = raw @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    assert np.allclose(projected / np.linalg.norm(projected, axis=1, keepdims=True), base.data, atol=1e-5)


def test_the_store_is_sound_and_says_its_views(store: Path) -> None:
    call_cli("verify", "--store", store)
    spaces = json.loads(call_cli("info", "--store", store, "--json").stdout)["spaces"]
    assert (spaces[0]["dimension"], spaces[0]["views"]) == (160, ["base", "preproj"])


def test_the_view_is_searched_by_samples_and_not_evaluated(store: Path) -> None:
    with open_store(store).snapshot() as snapshot:
        rows = snapshot.samples(["id", "uri"]).to_pylist()
    call_cli("search", "--store", store, "--id", rows[0]["id"], "--view", "preproj", "--json")
    refused = call_cli(
        "search", "--store", store, store.parent / "images" / rows[0]["uri"], "--view", "preproj", check=1
    )
    assert "has vectors of another dimension; search it with samples of the store" in refused.stderr
    said = call_cli("eval", "--mode", "knn", "--store", store, "-o", "views=preproj", "--protocol", "holdout", check=1)
    assert "has the vectors before its projection, for training; evaluate the vectors of the space" in said.stderr


def test_a_forgotten_sample_leaves_nothing_in_the_view(store: Path) -> None:
    with open_store(store).snapshot() as snapshot:
        rows = snapshot.samples(["id", "key"]).to_pylist()
    call_cli("forget", "--store", store, "--id", rows[1]["id"], "--yes")
    assert rows[1]["key"].encode() not in _vectors(store, "preproj")[1].keys


def test_an_encoder_without_a_projection_has_no_such_view(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 2)
    told = call_cli(
        "index", tmp_path / "images", "--store", tmp_path / "s", "--encoder", "timm/test_resnet", "--random-init", "0",
        "--views", "base,preproj", check=1,
    )  # fmt: skip
    assert "timm/test_resnet has no projection, so it has no view preproj" in told.stderr
