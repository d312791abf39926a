"""Encoders as files: digests, cards, and parts that are missing, changed or dangerous."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch

from retrieval.encoders.artefact import CARD, open_folder, read_card, weight_file
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, VitrineError, WeightsError
from tests.support import tiny_open_clip as tiny
from tests.support.encoder_folders import CONFIG, PIXELS, WEIGHTS, two_towers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.register(tmp_path)
    return two_towers(tmp_path / "encoder")


def _edit(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **changes}))


def test_a_file_is_its_own_weights(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    file.write_bytes(b"x")
    artefact = weight_file(file)
    assert (artefact.weights, artefact.digest) == (file, hashlib.sha256(b"x").hexdigest())
    assert artefact.preprocess is None
    assert artefact.part("w.pt") is None


def test_a_folder_knows_its_parts(folder: Path) -> None:
    artefact = open_folder(folder)
    assert artefact.weights == folder / WEIGHTS
    assert artefact.part(CONFIG) == folder / CONFIG
    assert artefact.part("README.md") is None
    assert artefact.preprocess == PIXELS


def test_the_digest_is_of_the_content_and_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    before = open_folder(folder).digest
    moved = folder.rename(tmp_path / "elsewhere")
    (moved / "README.md").write_text("words for people")
    for path in moved.iterdir():
        os.utime(path, ns=(1, 1))
    assert open_folder(moved).digest == before
    _edit(moved, model="another")
    assert open_folder(moved).digest != before


def test_the_folder_of_a_run_stands_for_its_encoder(folder: Path) -> None:
    assert open_folder(folder.parent) == open_folder(folder)


@pytest.mark.parametrize("part", [CONFIG, WEIGHTS, "recipe.json"])
def test_a_part_that_is_missing_or_changed_is_named(folder: Path, part: str) -> None:
    path = folder / part
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(WeightsError, match=f"{part} is damaged or was changed"):
        open_folder(folder)
    path.unlink()
    with pytest.raises(MissingFileError, match=f"its part {part} is missing"):
        open_folder(folder)


def test_other_folders_and_none_say_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="gone: no such folder"):
        open_folder(tmp_path / "gone")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(MissingFileError, match=r"it should hold encoder\.json and the parts that it names"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weigths": "x"}, "Did you mean 'weights'"),
        ({"format": 2}, "format=2"),
        ({"parts": {"../secret": "0"}}, "is not the name of a file beside it"),
        ({"parts": {"/etc/passwd": "0"}}, "is not the name of a file beside it"),
        ({"weights": "other.safetensors"}, "are not among its parts"),
        ({"preprocess": {"resize": 3}}, "crop"),
    ],
)
def test_a_card_that_cannot_be_used_says_why(folder: Path, changes: dict[str, Any], says: str) -> None:
    _edit(folder, **changes)
    with pytest.raises(InputError, match=says):
        read_card(folder / CARD)


@pytest.mark.parametrize("text", ["", "[]", "{", "just words"])
def test_a_card_that_is_none(folder: Path, text: str) -> None:
    (folder / CARD).write_text(text)
    with pytest.raises(VitrineError, match=CARD):
        open_folder(folder)


class _Bomb:
    """Unpickling it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.mark),))


def _replace_weights(folder: Path, name: str) -> None:
    """Make the card name the weights as they are now."""
    parts = {part: hashlib.sha256((folder / part).read_bytes()).hexdigest() for part in (name, CONFIG)}
    _edit(folder, weights=name, parts=parts)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickle_is_refused_and_not_run(folder: Path, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "exploded"
    (folder / name).write_bytes(pickle.dumps(_Bomb(mark)))
    _replace_weights(folder, name)
    with pytest.raises(WeightsError, match=f"{name}' are no safetensors|{name} is not a safetensors file"):
        load(resolve(EncoderRequest(str(folder), device="cpu", precision="fp32")), "cpu")
    assert not mark.exists()


def test_a_torch_file_of_another_name_is_refused(folder: Path) -> None:
    torch.save(tiny.state_dict(), folder / WEIGHTS)
    _replace_weights(folder, WEIGHTS)
    with pytest.raises(WeightsError, match="is not a safetensors file"):
        load(resolve(EncoderRequest(str(folder), device="cpu", precision="fp32")), "cpu")
