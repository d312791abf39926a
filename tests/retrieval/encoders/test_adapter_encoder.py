"""Encoders of adapters: names, texts of the parent, and weights of the parent that are gone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.encoders.adapter import adapted_vectors, adapter_spec, read_adapter
from retrieval.encoders.adapter_encoder import FAMILY, AdapterEncoder, adapter_model
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.text_tokens import context_of, cut_texts, has_text_tower
from retrieval.errors import InputError, MissingFileError
from retrieval.types import TextEncoder
from tests.support import tiny_open_clip as tiny
from tests.support.encoder_folders import adapted_towers, classifier, linear_adapter
from tests.support.sample_stores import spec

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.register(tmp_path)
    return adapted_towers(tmp_path / "encoder")


def test_names_of_adapters_say_their_parents() -> None:
    first = replace(spec(), family="adapter", model=adapter_model(spec("resnet50"), "rla"))
    assert first.model == "timm/resnet50+rla"
    assert adapter_model(first, "prolip") == "timm/resnet50+rla+prolip"
    for name, contrastive in {
        "timm/resnet50+rla": False,
        "open_clip/ViT-B-32+rla": True,
        "open_clip/ViT-B-32+rla+prolip": True,
        "imported/features+rla": False,
        "own": False,
    }.items():
        assert FAMILY.is_contrastive(name) is contrastive


def test_images_go_through_the_matrix_and_texts_do_not(folder: Path) -> None:
    found = resolve(EncoderRequest(str(folder), device="cpu"))
    assert found == adapter_spec(folder)
    encoder, parent = load(found, "cpu"), load(read_adapter(folder).parent, "cpu")
    assert isinstance(encoder, TextEncoder)
    assert isinstance(parent, TextEncoder)
    assert found.preprocess is not None
    batch = np.random.default_rng(0).integers(0, 256, (3, *found.preprocess.crop, 3), np.uint8)
    want = adapted_vectors(parent.encode_images(batch).vectors, read_adapter(folder).matrix)
    assert np.array_equal(encoder.encode_images(batch).vectors, want.vectors)
    assert np.array_equal(encoder.encode_texts(["a hand"]).vectors, parent.encode_texts(["a hand"]).vectors)
    assert encoder.logit_scale == parent.logit_scale
    assert encoder.notes == parent.notes
    long = "word " * 200
    assert has_text_tower(found)
    assert context_of(found) == context_of(parent.spec)
    assert cut_texts([long], found) == cut_texts([long], parent.spec)


def test_a_parent_without_texts_gives_an_adapter_without(tmp_path: Path) -> None:
    parent = resolve(EncoderRequest(str(classifier(tmp_path / "parent")), device="cpu"))
    folder = linear_adapter(tmp_path / "encoder", parent, np.eye(load(parent, "cpu").dimension, dtype=np.float32))
    encoder = load(resolve(EncoderRequest(str(tmp_path), precision="bf16", device="cpu")), "cpu")
    assert isinstance(encoder, AdapterEncoder)
    assert not isinstance(encoder, TextEncoder)
    assert encoder.spec.precision == "bf16"
    assert encoder.head is None
    shutil.rmtree(tmp_path / "parent")
    with pytest.raises(
        MissingFileError, match=r"timm/test_vit\+rla needs the weights of its parent .* can be evaluated"
    ):
        load(resolve(EncoderRequest(str(folder), device="cpu")), "cpu")


def test_an_adapter_of_an_adapter(folder: Path, tmp_path: Path) -> None:
    first = adapter_spec(folder)
    second = linear_adapter(tmp_path / "second", first, 2 * np.eye(tiny.CONFIG["embed_dim"], dtype=np.float32), "rla")
    encoder = load(resolve(EncoderRequest(str(second), device="cpu")), "cpu")
    assert encoder.spec.model == "open_clip/own+rla+rla"
    assert isinstance(encoder, TextEncoder)
    assert context_of(encoder.spec) == context_of(first)


def test_imported_vectors_have_no_images(tmp_path: Path) -> None:
    parent = replace(spec("features"), family="imported", preprocess=None)
    folder = linear_adapter(tmp_path / "a", parent, np.eye(4, dtype=np.float32))
    with pytest.raises(InputError, match="maps vectors that were imported, so it encodes no images"):
        resolve(EncoderRequest(str(folder), device="cpu"))
    assert not has_text_tower(adapter_spec(folder))


def test_weights_elsewhere_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="folder with its own weights"):
        resolve(EncoderRequest(f"adapter/{folder}", random_init=1, device="cpu"))
    with pytest.raises(InputError, match="leave out tag:x"):
        FAMILY.find("m", "tag:x")
