from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retrieval.encoders.preprocess import LARGEST, override, pixels, to_rgb
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, MissingFileError, UnknownNameError
from retrieval.types import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
BASE = Preprocess(resize=64, crop=(56, 56), mean=MEAN, std=STD)


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    shape = (height, width, {"RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode, 1))
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    if mode == "P":
        return Image.fromarray(np.repeat(values, 3, axis=2)).quantize(16)
    return Image.fromarray(values.squeeze(2) if mode == "L" else values, mode)


def as_uint8(tensor: Any) -> Any:
    return (tensor * 255).round().byte().permute(1, 2, 0).numpy()


SIZES = [(80, 60), (60, 80), (64, 64), (200, 31), (1, 50), (50, 1), (7, 9), (56, 56)]
MODES = ["RGB", "L", "RGBA", "P", "CMYK"]


@pytest.mark.parametrize("mode", get_args(ResizeMode))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop", [(56, 56), (64, 48)])
def test_equals_open_clip(mode: ResizeMode, size: tuple[int, int], crop: tuple[int, int]) -> None:
    repair_torchvision()
    from open_clip.transform import image_transform

    for colours in MODES:
        image = noise(*size, colours)
        reference = image_transform(crop, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), resize_mode=mode)
        ours = pixels(image, Preprocess(resize=min(crop), crop=crop, mean=MEAN, std=STD, mode=mode))
        assert np.array_equal(ours, as_uint8(reference(image.convert("RGB"))))


@pytest.mark.parametrize(("crop_mode", "mode"), [("center", "shortest"), ("squash", "squash"), ("border", "longest")])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [(56, 56), (56, 28)])
def test_equals_timm(
    crop_mode: str, mode: ResizeMode, size: tuple[int, int], interpolation: Any, crop: tuple[int, int]
) -> None:
    repair_torchvision()
    from timm.data import create_transform

    options = {"interpolation": interpolation, "crop_pct": 0.875, "crop_mode": crop_mode}
    reference = create_transform((3, *crop), is_training=False, mean=(0.5,) * 3, std=STD, normalize=False, **options)
    own = Preprocess(
        resize=int(min(crop) / 0.875), crop=crop, mean=MEAN, std=STD, interpolation=interpolation, mode=mode,
        fill=128 if mode == "longest" else 0,
    )  # fmt: skip
    image = noise(*size)
    assert np.array_equal(pixels(image, own), reference(image).permute(1, 2, 0).numpy())


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 150), height=st.integers(1, 150), resize=st.integers(8, 90), crop=st.integers(8, 90))
def test_equals_torchvision_presets(width: int, height: int, resize: int, crop: int) -> None:
    repair_torchvision()
    from torchvision.transforms._presets import ImageClassification

    image = noise(width, height, seed=width)
    reference = ImageClassification(crop_size=crop, resize_size=resize, mean=(0, 0, 0), std=(1, 1, 1))
    own = Preprocess(resize=resize, crop=(crop, crop), mean=MEAN, std=STD, interpolation="bilinear")
    assert np.array_equal(pixels(image, own), as_uint8(reference(image)))


def test_a_sliver_needs_no_gigabyte_and_equals_the_whole() -> None:
    own = Preprocess(resize=64, crop=(64, 64), mean=MEAN, std=STD)
    sliver = noise(1, 20_000)
    assert LARGEST < 64 * 64 * 20_000
    whole = sliver.resize((64, 64 * 20_000), Image.Resampling.BICUBIC)
    top = round((whole.height - 64) / 2)
    reference = np.asarray(whole.crop((0, top, 64, top + 64))).astype(int)
    assert np.abs(pixels(sliver, own) - reference).max() <= 1


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as image:
        assert image.mode.startswith("I")
        shown = np.asarray(to_rgb(image)).astype(int)
    assert np.abs(shown[..., 0] - ramp / 257).max() <= 0.5
    assert shown.max() == 255
    assert len(np.unique(shown)) == 256


def test_palette_with_transparency_keeps_its_colours() -> None:
    image = noise(20, 20, "P")
    plain = np.asarray(to_rgb(image))
    image.info["transparency"] = bytes(range(16))
    assert np.array_equal(np.asarray(to_rgb(image)), plain)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "HSV", "I", "I;16", "RGBX", "RGBa", "LAB"]
)
def test_every_mode_becomes_rgb(mode: str) -> None:
    made = pixels(Image.new(mode, (40, 30)), BASE)
    assert made.shape == (56, 56, 3)
    assert made.dtype == np.uint8


def test_images_that_cannot_be_used_say_why() -> None:
    with pytest.raises(InputError, match="mode La"):
        pixels(Image.new("La", (8, 8)), BASE)
    with pytest.raises(InputError, match="floating-point pixels"):  # 0..1 or 0..255? black would be a guess
        pixels(Image.new("F", (8, 8)), BASE)
    with pytest.raises(InputError, match="no pixels"):
        pixels(Image.new("RGB", (0, 8)), BASE)


def test_override_on_the_command_line() -> None:
    made = override(
        BASE, ("resize=320,crop=300", "mean=0.4/0.3/0.2,std=0.5", "interpolation=bilinear, mode=squash", "fill=9")
    )
    assert made == Preprocess(320, (300, 300), (0.4, 0.3, 0.2), (0.5, 0.5, 0.5), "bilinear", "squash", 9)
    assert override(BASE, ("crop=256x128",)).crop == (256, 128)
    assert override(BASE, ()) == BASE


def test_img_size_changes_the_crop_and_resizes_in_proportion() -> None:
    usual = override(BASE, ("resize=592,crop=518",))  # as DINOv2 in timm, but for its crop_pct of 1
    made = override(usual, ("img_size=224",))
    assert (made.resize, made.crop) == (256, (224, 224))
    made = override(usual, ("img_size=256x128",))
    assert (made.resize, made.crop) == (146, (256, 128))
    with pytest.raises(InputError, match="img_size=0 cannot be used"):
        override(usual, ("img_size=0",))


@pytest.mark.parametrize(
    "item",
    [
        "resize=440,crop=384,mean=.4308/.4084/.3393,std=.1063/.1023/.1123",
        "resize=440,crop=384,mean=.4308,.4084,.3393,std=.1063,.1023,.1123",
        "resize=440, crop=384, mean=[0.4308, 0.4084, 0.3393], std=(0.1063, 0.1023, 0.1123)",
    ],
)
def test_mean_and_std_as_people_write_them(item: str) -> None:
    made = override(BASE, (item,))
    assert made == Preprocess(440, (384, 384), (0.4308, 0.4084, 0.3393), (0.1063, 0.1023, 0.1123))


def test_override_from_a_file(tmp_path: Path) -> None:
    values = {"resize": 320, "crop": [300, 200], "mean": [0.1, 0.2, 0.3], "std": 0.25}
    (tmp_path / "p.json").write_text(json.dumps(values))
    (tmp_path / "p.yaml").write_text("resize: 320\ncrop: [300, 200]\nmean: [0.1, 0.2, 0.3]\nstd: 0.25\n")
    made = override(BASE, (str(tmp_path / "p.json"),))
    assert made == override(BASE, (str(tmp_path / "p.yaml"),))
    assert (made.crop, made.mean, made.std) == ((300, 200), (0.1, 0.2, 0.3), (0.25,) * 3)


@pytest.mark.parametrize(
    "item",
    ["crop=0", "crop=1x2x3", "crop=abc", "resize=-3", "resize=1.5", "mean=1/2", "std=0", "std=a/b/c", "mean=nan",
     "fill=256", "crop=256,128", "resize=3,4", "mean=.1,.2,.3,.4",
     "resize=", "resize=3,resize=4", "resize", "=4", "mean=[1,2"],
)  # fmt: skip
def test_bad_values_are_sentences(item: str) -> None:
    with pytest.raises((InputError, MissingFileError), match=r"\.$"):
        override(BASE, (item,))


def test_bad_keys_and_files_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'resize'"):
        override(BASE, ("resise=3",))
    with pytest.raises(UnknownNameError, match="bicubic"):
        override(BASE, ("interpolation=bicubik",))
    with pytest.raises(UnknownNameError, match="squash"):
        override(BASE, ("mode=stretch",))
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00{")
    for name in ("list.yaml", "bad.yaml"):
        with pytest.raises(InputError, match=name):
            override(BASE, (str(tmp_path / name),))
