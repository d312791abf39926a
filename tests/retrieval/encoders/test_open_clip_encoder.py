from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from retrieval.encoders.open_clip_encoder import FAMILY
from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, MissingDependencyError, WeightsError
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path


class Settings:
    def __init__(self) -> None:
        self.lr = 0.1


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> None:
    tiny.register(tmp_path)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    tiny.register(tmp_path_factory.mktemp("config"))
    made = tiny.state_dict(seed=5)
    made["logit_scale"] = torch.tensor(100.0).log()
    return made


def batch() -> Any:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def write(form: str, state: dict[str, torch.Tensor], folder: Path) -> Path:
    wrapped = {f"module.{key}": value for key, value in state.items()}
    compiled = {f"net._orig_mod.{key}": value for key, value in state.items()}
    if form == "safetensors":
        save_file(state, folder / "w.safetensors")
        return folder / "w.safetensors"
    content: Any = {
        "pt": state,
        "bin": state,
        "training.pt": {
            "epoch": 3,
            "name": "run",
            "state_dict": wrapped,
            "optimizer": {"state": {}, "param_groups": []},
        },
        "lightning.ckpt": {
            "state_dict": compiled,
            "hyper_parameters": argparse.Namespace(a=Settings()),
            "global_step": 7,
        },
    }[form]
    torch.save(content, folder / f"w.{form}")
    return folder / f"w.{form}"


@pytest.mark.parametrize("form", ["pt", "bin", "safetensors", "training.pt", "lightning.ckpt"])
def test_every_format_gives_the_vectors_of_the_model_itself(
    form: str, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    import open_clip

    encoder = tiny.encoder(weights=str(write(form, state, tmp_path)))
    model = open_clip.create_model(tiny.NAME, load_weights=False)
    model.load_state_dict(state)
    model.eval()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    inputs = (torch.from_numpy(batch()).permute(0, 3, 1, 2).float() / 255 - mean) / std
    with torch.no_grad():
        image = model.encode_image(inputs, normalize=True).numpy()
        text = model.encode_text(open_clip.get_tokenizer(tiny.NAME)(["a hand", "a leaf"]), normalize=True).numpy()
    assert np.allclose(encoder.encode_images(batch()).vectors, image, atol=1e-6)
    assert np.allclose(encoder.encode_texts(["a hand", "a leaf"]).vectors, text, atol=1e-6)
    assert encoder.logit_scale == pytest.approx(100, rel=1e-5)


def test_formats_agree_bit_for_bit_and_carry_no_seed(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    found = [
        tiny.encoder(weights=str(write(form, state, tmp_path))).encode_images(batch()).vectors
        for form in ("pt", "safetensors", "lightning.ckpt")
    ]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_torchscript_as_openai_published_it(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """A traced model in half precision, with the scalars OpenAI stored; its QuickGELU is recognised."""
    tiny.register(tmp_path, f"{tiny.NAME}-quickgelu", {**tiny.CONFIG, "quick_gelu": True})
    import open_clip

    model = open_clip.create_model(f"{tiny.NAME}-quickgelu", load_weights=False)
    model.load_state_dict(state)
    model.register_buffer("input_resolution", torch.tensor(32))
    traced = torch.jit.trace_module(model.eval(), {"encode_image": torch.zeros(1, 3, 32, 32)}, check_trace=False)  # type: ignore[no-untyped-call]
    torch.jit.save(traced, tmp_path / "clip.pt")
    encoder = tiny.encoder(weights=str(tmp_path / "clip.pt"))
    assert encoder.spec.model == f"{tiny.NAME}-quickgelu"
    plain = tiny.encoder(weights=str(write("pt", state, tmp_path)))
    assert not np.allclose(encoder.encode_images(batch()).vectors, plain.encode_images(batch()).vectors, atol=1e-4)


def test_half_precision_stays_close_and_logit_scale_exact(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    file = str(write("pt", state, tmp_path))
    full = tiny.encoder(weights=file)
    for precision in ("bf16", "fp16"):
        half = tiny.encoder(weights=file, precision=precision)
        cosine = (full.encode_images(batch()).vectors * half.encode_images(batch()).vectors).sum(axis=1)
        assert cosine.min() > 0.999
        assert half.logit_scale == full.logit_scale


def test_a_file_that_does_not_fit_says_where(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrong = {key: value for key, value in state.items() if key != "ln_final.bias"} | {"visual.proj": torch.zeros(3, 3)}
    with pytest.raises(
        WeightsError, match=r"1 missing \(ln_final.bias\), 1 of another shape \(visual.proj \(3, 3\) instead of"
    ):
        tiny.encoder(weights=str(write("pt", wrong, tmp_path)))


def test_another_image_size_resizes_the_position_embedding(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    encoder = tiny.encoder(weights=str(write("pt", state, tmp_path)), preprocess=("img_size=64",))
    assert any("the positions of 5 tokens are interpolated to 17" in note for note in encoder.notes)
    vectors, _ = encoder.encode_images(np.zeros((1, 64, 64, 3), np.uint8))
    assert vectors.shape == (1, 16)


def test_a_size_no_patch_fits_is_a_sentence() -> None:
    with pytest.raises(InputError, match="leave crop out"):
        tiny.encoder(random_init=0, preprocess=("resize=8,crop=8",))


def test_every_listed_tag_has_open_clips_own_preprocessing() -> None:
    repair_torchvision()
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    seen: set[str] = set()
    for model, tag in open_clip.list_pretrained():
        _, name, source, own, *_ = FAMILY.describe(model, f"tag:{tag}")
        assert source == f"tag:{tag}"
        config = open_clip.get_pretrained_cfg(model, tag)
        quick = open_clip.get_model_config(name).get("quick_gelu", False)
        own_quick = open_clip.get_model_config(model).get("quick_gelu", False)
        assert quick == (own_quick or config.get("quick_gelu", False)), (model, tag)
        merged = PreprocessCfg(**merge_preprocess_dict(PreprocessCfg(), config))
        merged.size = own.crop
        assert (own.mean, own.std) == (tuple(merged.mean), tuple(merged.std))
        if str(own) not in seen:
            seen.add(str(own))
            transform = image_transform_v2(merged, is_train=False)
            transform.transforms.pop()
            expected = (transform(image) * 255).round().byte().permute(1, 2, 0).numpy()
            assert np.array_equal(pixels(image, own), expected), (model, tag)
    assert len(seen) > 10


def test_openai_tags_mean_quickgelu_under_both_names() -> None:
    assert FAMILY.describe("ViT-B-32", "tag:openai").model == "ViT-B-32-quickgelu"
    assert FAMILY.describe("ViT-B-32-quickgelu", "tag:openai").model == "ViT-B-32-quickgelu"
    assert FAMILY.describe("ViT-B-32", "tag:laion2b_s34b_b79k").model == "ViT-B-32"


def test_a_file_takes_the_preprocessing_its_architecture_was_published_with() -> None:
    siglip = FAMILY.describe("ViT-B-16-SigLIP", "random:0").preprocess
    assert (siglip.mode, siglip.mean) == ("squash", (0.5, 0.5, 0.5))
    assert (
        resolve(EncoderRequest(f"open_clip/{tiny.NAME}", random_init=0)).preprocess
        == FAMILY.describe(tiny.NAME, "").preprocess
    )


def test_a_text_tower_of_another_package_names_it() -> None:
    if find_spec("transformers") is not None:
        pytest.skip("transformers is installed here")
    with pytest.raises(MissingDependencyError, match="pip install transformers"):
        tiny.encoder(name="open_clip/roberta-ViT-B-32", random_init=0)
