from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.types import TextEncoder
from tests.support import hf_folders, hf_reference
from tests.support.command_line import call_cli
from tests.support.images import write_images

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = json.loads(hf_reference.FILE.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of cases, each written once."""
    root = tmp_path_factory.mktemp("hf")

    def made(case: str) -> Path:
        return root / case if (root / case).is_dir() else hf_folders.save(root / case, case)

    return made


def opened(name: object, *preprocess: str, precision: str = "fp32") -> Any:
    request = EncoderRequest(f"hf/{name}", preprocess=preprocess, precision=precision, device="cpu")
    return load(resolve(request), "cpu")


@pytest.mark.parametrize("case", hf_folders.CONFIGS)
def test_vectors_are_those_of_transformers(case: str, folder: Callable[[str], Path]) -> None:
    encoder = opened(folder(case))
    vectors = encoder.encode_images(hf_reference.images(case)).vectors
    assert np.allclose(vectors, EXPECTED[case]["images"], atol=2e-6)
    if case in {"clip", "clip-gelu"}:
        assert np.allclose(encoder.encode_texts(hf_reference.TEXTS).vectors, EXPECTED[case]["texts"], atol=2e-6)
    if case == "siglip":
        texts = encoder._text_tower(hf_reference.tokens(case)).detach()
        assert np.allclose(torch.nn.functional.normalize(texts, dim=1), EXPECTED[case]["texts"], atol=2e-6)


@pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed: pip install transformers")
@pytest.mark.parametrize("size", [None, 40])
@pytest.mark.parametrize("case", hf_folders.CONFIGS)
def test_vectors_are_those_of_the_transformers_that_is_installed(
    case: str, size: int | None, folder: Callable[[str], Path]
) -> None:
    encoder = opened(folder(case), *([f"img_size={size}"] if size else []))
    made = hf_reference.reference(folder(case), case, size)
    assert np.allclose(encoder.encode_images(hf_reference.images(case, size)).vectors, made["images"], atol=2e-6)


def test_the_activation_changes_the_vectors_and_is_said(folder: Callable[[str], Path], tmp_path: Path) -> None:
    quick, plain = opened(folder("clip")), opened(folder("clip-gelu"))
    assert "the activation is QuickGELU, as hidden_act in config.json says" in quick.notes[0]
    assert "the activation is GELU, as hidden_act in config.json says" in plain.notes[0]
    images = hf_reference.images("clip")
    assert not np.allclose(quick.encode_images(images).vectors, plain.encode_images(images).vectors, atol=1e-3)
    assert quick.spec.fingerprint != plain.spec.fingerprint


def test_half_precision_stays_near(folder: Callable[[str], Path]) -> None:
    for case in ("clip", "siglip", "dinov2"):
        images = hf_reference.images(case)
        exact, half = (opened(folder(case), precision=p).encode_images(images).vectors for p in ("fp32", "bf16"))
        assert (np.sum(exact * half, axis=1) > 0.999).all()


def test_shards_and_names_of_outer_models_are_read(tmp_path: Path) -> None:
    images = hf_reference.images("dinov2")
    sharded = opened(hf_folders.save(tmp_path / "sharded", "dinov2", shards=3))
    prefixed = opened(hf_folders.save(tmp_path / "prefixed", "dinov2", prefix="dinov2."))
    for encoder in (sharded, prefixed):
        assert np.allclose(encoder.encode_images(images).vectors, EXPECTED["dinov2"]["images"], atol=2e-6)
    (tmp_path / "sharded" / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"is not complete: model-00002-of-00003\.safetensors, which"):
        opened(tmp_path / "sharded")


def test_a_classifier_in_the_file_is_set_aside_and_named(folder: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(folder("dinov2"), tmp_path / "classifier")
    weights = {f"dinov2.{key}": value for key, value in load_file(copy / "model.safetensors").items()}
    save_file({**weights, "classifier.weight": torch.ones(3, 64)}, copy / "model.safetensors")
    encoder = opened(copy)
    assert np.allclose(encoder.encode_images(hf_reference.images("dinov2")).vectors, EXPECTED["dinov2"]["images"],
                       atol=2e-6)  # fmt: skip
    assert any("classifier belongs to the training" in note for note in encoder.notes)


def test_the_space_is_of_the_contents_and_not_of_the_place(folder: Callable[[str], Path], tmp_path: Path) -> None:
    first = resolve(EncoderRequest(f"hf/{folder('dinov2')}"))
    second = resolve(EncoderRequest(str(shutil.copytree(folder("dinov2"), tmp_path / "renamed"))))  # without hf/
    assert first.fingerprint == second.fingerprint
    assert first.model == "dinov2-vit-32-8"
    assert first.preprocess is not None
    assert (first.preprocess.resize, first.preprocess.crop) == (27, (24, 24))
    other = resolve(EncoderRequest(f"hf/{folder('dinov2')}", preprocess=("img_size=32",)))
    assert other.fingerprint != first.fingerprint


def test_positions_are_interpolated_and_it_is_said(folder: Callable[[str], Path]) -> None:
    assert "positions of 4 x 4 patches are interpolated to 3 x 3" in opened(folder("dinov2")).notes[0]
    assert opened(folder("dinov2"), "img_size=32").notes == ()
    with pytest.raises(InputError, match="into patches of 8 pixels; give a multiple of 8 as `preprocess=img_size"):
        opened(folder("dinov2"), "img_size=33")


def test_images_alone_have_no_texts(folder: Callable[[str], Path]) -> None:
    for case in ("clip-image", "dinov2"):
        assert not isinstance(opened(folder(case)), TextEncoder)
    with pytest.raises(InputError, match="the tokenizer of SigLIP is not read from such folders"):
        opened(folder("siglip")).encode_texts(["a hand"])


def test_without_a_file_of_preprocessing_the_usual_one_is_assumed_and_it_is_said(
    folder: Callable[[str], Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(folder("siglip"), tmp_path / "siglip")
    (copy / "preprocessor_config.json").unlink()
    encoder = opened(copy)
    assert encoder.spec.preprocess.mode == "squash"
    assert encoder.spec.preprocess.mean == (0.5, 0.5, 0.5)
    assert "has no preprocessor_config.json; that of most siglip models is assumed" in encoder.notes[0]


def test_folders_that_are_none_are_a_sentence(folder: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such folder, and not of the form hf/ORGANISATION/REPOSITORY"):
        opened(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match=r"has no config\.json; a transformers model is a folder with"):
        opened(tmp_path / "empty")
    with pytest.raises(InputError, match=r"is a file; name its folder, with a config\.json"):
        opened(folder("clip") / "model.safetensors")
    copy = shutil.copytree(folder("clip"), tmp_path / "weightless")
    (copy / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"has no weights; model\.safetensors"):
        opened(copy)
    with pytest.raises(InputError, match="its own weights; leave out"):
        resolve(EncoderRequest(f"hf/{folder('clip')}", random_init=1))


def test_weights_that_fit_in_part_are_refused_with_the_parts(folder: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(folder("dinov2"), tmp_path / "part")
    weights = load_file(copy / "model.safetensors")
    del weights["layernorm.bias"]
    save_file({**weights, "something.else": torch.ones(2)}, copy / "model.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing \(visual\.norm\.bias\), 1 unexpected \(something\.else\)"):
        opened(copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 900, "hidden_size": 1024}))
    with pytest.raises(WeightsError, match=r"holds far less than the model that config\.json describes"):
        opened(copy)
    (copy / "config.json").write_text(json.dumps({**config, "patch_size": 1, "image_size": 8192}))
    with pytest.raises(WeightsError, match=r"holds far less than the model that config\.json describes"):
        opened(copy, "img_size=8192")


def test_the_command_indexes_and_searches_by_text(folder: Callable[[str], Path], tmp_path: Path) -> None:
    write_images(tmp_path / "images", 4)
    made = call_cli("index", tmp_path / "images", "--store", tmp_path / "store", "--encoder", folder("clip"))
    assert "the activation is QuickGELU" in made.stderr
    assert "in space clip-vit-32-8@" in made.stdout
    shown = call_cli("search", "--text", "a hand", "--store", tmp_path / "store", "-k", "2").stdout
    assert "class" in shown
