"""Folders of training jobs by the names that people type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, WeightsError
from tests.support import tiny_open_clip as tiny
from tests.support.encoder_folders import PIXELS, classifier, two_towers

if TYPE_CHECKING:
    from pathlib import Path


def _request(name: str, **named: Any) -> EncoderRequest:
    return EncoderRequest(name, **{"precision": "fp32", "device": "cpu", **named})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.register(tmp_path)
    return two_towers(tmp_path / "run" / "encoder")


def test_every_spelling_is_one_space(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [str(folder), "run/encoder", "./run/encoder", "run", f"checkpoint/{folder}", "checkpoint/run"]
    specs = [resolve(_request(name)) for name in names]
    assert len(set(specs)) == 1
    assert (specs[0].family, specs[0].model, specs[0].preprocess) == ("open_clip", "own", PIXELS)
    moved = folder.rename(tmp_path / "with:colon")
    assert resolve(_request(str(moved))).fingerprint == specs[0].fingerprint
    with pytest.raises(MissingFileError, match="no such folder"):
        load(specs[0], "cpu")


def test_images_and_texts_are_those_of_the_weights(folder: Path) -> None:
    encoder: Any = load(resolve(_request(str(folder))), "cpu")
    plain = tiny.encoder(weights=str(folder / "open_clip_model.safetensors"), preprocess=("mean=.5,std=.25",))
    batch = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    np.testing.assert_array_equal(encoder.encode_images(batch).vectors, plain.encode_images(batch).vectors)
    texts = ["a hand", "a mushroom"]
    np.testing.assert_array_equal(encoder.encode_texts(texts).vectors, plain.encode_texts(texts).vectors)


def test_an_architecture_that_is_known_by_name_needs_no_configuration(tmp_path: Path) -> None:
    spec = resolve(_request(str(classifier(tmp_path / "c"))))
    assert (spec.family, spec.model) == ("timm", "test_vit")
    head = load(spec, "cpu").head
    assert head is not None
    assert head.weight.shape == (3, 64)


def test_a_folder_brings_its_weights_and_takes_other_preprocessing(folder: Path) -> None:
    with pytest.raises(InputError, match="leave out `weights` and `random_init`"):
        resolve(_request(str(folder), weights="openai"))
    with pytest.raises(InputError, match="leave out `weights` and `random_init`"):
        resolve(_request(f"checkpoint/{folder}", random_init=0))
    other = resolve(_request(str(folder), preprocess=("mode=squash",)))
    assert other.preprocess is not None
    assert other.preprocess.mode == "squash"


def test_files_and_folders_that_are_no_encoder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match=r"it should hold encoder\.json"):
        resolve(_request(str(tmp_path / "empty")))
    with pytest.raises(MissingFileError, match="no such folder"):
        resolve(_request("checkpoint/gone"))
    with pytest.raises(InputError, match="say which model it belongs to"):
        resolve(_request(str(folder / "open_clip_model.safetensors")))
    card = folder / "encoder.json"
    card.write_text(card.read_text().replace('"open_clip"', '"onyx"'))
    with pytest.raises(InputError, match="a family that does not exist here"):
        resolve(_request(str(folder)))


def test_a_folder_that_changed_is_not_the_space_it_was(folder: Path) -> None:
    spec = resolve(_request(str(folder)))
    card = folder / "encoder.json"
    card.write_text(card.read_text().replace('"own"', '"renamed"'))
    with pytest.raises(WeightsError, match="is not what this space was made with"):
        load(spec, "cpu")
