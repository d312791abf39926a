"""The contract of the encoder seam, over every family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from retrieval.encoders.family import Family
from retrieval.encoders.registry import FAMILIES, family, load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, WeightsError
from retrieval.types import ProjectingEncoder, TextEncoder
from tests.support import encoder_folders, hf_folders
from tests.support import tiny_open_clip as tiny
from tests.support.onnx_files import colour_encoder

if TYPE_CHECKING:
    from retrieval.types import Encoder

CASES = {
    "adapter": ("adapter/FOLDER", "auto"),
    "checkpoint": ("checkpoint/FOLDER", "fp32"),
    "clipreid-vit": ("clipreid/FOLDER", "auto"),
    "clipreid-resnet": ("clipreid/FOLDER", "bf16"),
    "hf-clip": ("hf/FOLDER", "auto"),
    "hf-siglip": ("hf/FOLDER", "fp32"),
    "hf-dinov2": ("hf/FOLDER", "auto"),
    "miewid": ("miewid/miewid-rw-m", "auto"),
    "onnx": ("onnx/FOLDER/colours.onnx", "auto"),
    "open_clip-fp32": (f"open_clip/{tiny.NAME}", "fp32"),
    "open_clip-bf16": (f"open_clip/{tiny.NAME}", "bf16"),
    "open_clip-fp16": (f"open_clip/{tiny.NAME}", "fp16"),
    "open_clip-ViT-S-32": ("open_clip/ViT-S-32", "auto"),
    "timm-vit": ("timm/test_vit", "fp32"),
    "timm-convnet": ("timm/test_efficientnet", "auto"),
    "timm-bf16": ("timm/test_resnet", "bf16"),
    "torchvision": ("torchvision/resnet18", "auto"),
}


FILES: dict[str, Callable[[Path], Any]] = {
    "adapter": encoder_folders.adapted_towers,
    "checkpoint": encoder_folders.two_towers,
    "clipreid-vit": lambda folder: encoder_folders.reid_tower(folder, "vit"),
    "clipreid-resnet": lambda folder: encoder_folders.reid_tower(folder, "resnet"),
    "hf-clip": lambda folder: hf_folders.save(folder, "clip"),
    "hf-siglip": lambda folder: hf_folders.save(folder, "siglip"),
    "hf-dinov2": lambda folder: hf_folders.save(folder, "dinov2"),
    "onnx": lambda folder: colour_encoder(made(folder) / "colours.onnx", (8, 8, 4, 3)),
}
"""Cases with files of their own, and what writes them into a folder."""


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="module", params=CASES)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("config")
    tiny.register(folder)
    return make_from_files(request.param, folder) if request.param in FILES else make(request.param)


def make_from_files(case: str, folder: Path) -> Encoder:
    FILES[case](folder / "encoder")
    name, precision = CASES[case]
    name = name.replace("FOLDER", str(folder / "encoder"))
    return load(resolve(EncoderRequest(name, precision=precision, device="cpu")), "cpu")


def make(case: str) -> Encoder:
    name, precision = CASES[case]
    size = ("img_size=32",) if case == "miewid" else ()
    request = EncoderRequest(name, random_init=4, precision=precision, preprocess=size, device="cpu")
    return load(resolve(request), "cpu")


def images(encoder: Encoder, count: int, seed: int = 0) -> Any:
    assert encoder.spec.preprocess is not None
    shape = (count, *encoder.spec.preprocess.crop, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_every_family_is_under_contract() -> None:
    assert {name.partition("/")[0] for name, _ in CASES.values()} == set(FAMILIES)


def test_every_family_has_the_whole_interface() -> None:
    methods = {name for name, value in vars(Family).items() if callable(value) and not name.startswith("_")}
    assert "models" in methods
    lacking = {name: {m for m in methods if not callable(getattr(family(name), m, None))} for name in FAMILIES}
    assert not any(lacking.values()), lacking


def test_vectors_have_length_one_and_norms_are_kept(encoder: Encoder) -> None:
    vectors, norms = encoder.encode_images(images(encoder, 3))
    assert vectors.shape == (3, encoder.dimension)
    assert norms.shape == (3,)
    assert vectors.dtype == norms.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (norms > 0).all()
    assert not np.allclose(vectors[0], vectors[1])


def test_the_same_image_gives_the_same_bits_in_any_place_and_company(encoder: Encoder) -> None:
    size = encoder.spec.batch_size
    image = images(encoder, 1, seed=1)
    alone = encoder.encode_images(image)
    for place in (0, 1, size // 2, size - 1, size, size + 2):
        batch = images(encoder, size + 3, seed=place + 2)
        batch[place] = image[0]
        found = encoder.encode_images(batch)
        assert np.array_equal(found.vectors[place], alone.vectors[0])
        assert found.norms[place] == alone.norms[0]


def test_no_images_give_no_vectors(encoder: Encoder) -> None:
    vectors, norms = encoder.encode_images(images(encoder, 0))
    assert vectors.shape == (0, encoder.dimension)
    assert norms.shape == (0,)


def test_pixels_of_another_shape_or_type_are_refused(encoder: Encoder) -> None:
    good = images(encoder, 2)
    for bad in (good[:, :-1], good[0], good.astype(np.float32), np.moveaxis(good, 3, 1)):
        with pytest.raises(InputError, match="uint8 pixels of shape"):
            encoder.encode_images(bad)


@pytest.mark.parametrize("case", ["open_clip-bf16", "timm-vit", "torchvision"])
def test_a_seed_is_a_seed_and_torch_is_left_alone(case: str, tmp_path: Any) -> None:
    tiny.register(tmp_path)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = make(case)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(9)
    second = make(case)
    batch = images(first, 2)
    assert np.array_equal(first.encode_images(batch).vectors, second.encode_images(batch).vectors)


def test_random_weights_have_no_head(encoder: Encoder) -> None:
    assert encoder.head is None


def test_a_text_tower_shares_the_space(encoder: Encoder) -> None:
    if not family(encoder.spec.family).is_contrastive(encoder.spec.model):
        assert not isinstance(encoder, TextEncoder)
        return
    assert isinstance(encoder, TextEncoder)
    if encoder.spec.model.startswith("siglip"):
        with pytest.raises(InputError, match="tokenizer of SigLIP"):
            encoder.encode_texts(["a hand"])
        return
    texts = ["a hand", "a mushroom", "", "ü" * 500]
    vectors, norms = encoder.encode_texts(texts)
    assert vectors.shape == (4, encoder.dimension)
    assert norms.shape == (4,)
    again = encoder.encode_texts(["x"] * (encoder.spec.batch_size - 1) + texts)
    assert np.array_equal(again.vectors[-4:], vectors)
    assert encoder.logit_scale == pytest.approx(1 / 0.07, rel=1e-3)


def test_vectors_before_the_projection_come_with_the_vectors(encoder: Encoder) -> None:
    if not isinstance(encoder, ProjectingEncoder):
        assert encoder.spec.family != "open_clip"
        return
    batch = images(encoder, 3)
    base, before = encoder.encode_both(batch)
    plain = encoder.encode_images(batch)
    assert np.array_equal(base.vectors, plain.vectors)
    assert np.array_equal(base.norms, plain.norms)
    assert before.vectors.shape == (3, encoder.unprojected_dimension)
    assert np.allclose(np.linalg.norm(before.vectors, axis=1), 1, atol=1e-6)
    projected = before.vectors * before.norms[:, None] @ encoder.network.visual.proj.detach().float().numpy()  # type: ignore[attr-defined]
    tolerance = 1e-5 if encoder.spec.precision == "fp32" else 2e-2
    assert np.allclose(projected, base.vectors * base.norms[:, None], atol=tolerance)


@pytest.mark.parametrize(("value", "message"), [(0.0, "zero"), (float("nan"), "not finite")])
def test_dead_weights_are_a_sentence(value: float, message: str) -> None:
    encoder: Any = make("timm-vit")
    for parameter in encoder._forward.parameters():
        parameter.data.fill_(value)
    with pytest.raises(WeightsError, match=f"timm/test_vit gives vectors that are {message} for 2 of 2 images"):
        encoder.encode_images(images(encoder, 2))
