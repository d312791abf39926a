from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval.encoders.spec_text import encoder_data, encoder_line, full_name
from retrieval.types import EncoderSpec, Preprocess

PIXELS = Preprocess(256, (224, 192), (0.48145466, 0.4578275, 0.40821073), (0.5, 0.25, 0.125), mode="squash")


def spec(family: str, model: str, weights: str, licence: str | None = None) -> EncoderSpec:
    return EncoderSpec(family, model, weights, "digest", PIXELS, "fp32", 8, licence=licence)


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        (("timm", "resnet50", "tag:a1_in1k"), "timm/resnet50:a1_in1k"),
        (("timm", "resnet50", "file:/w/a.pt#teacher"), "timm/resnet50:/w/a.pt#teacher"),
        (("timm", "swin", "hf-hub:BVRA/Mega@v1"), "timm/swin:hf-hub:BVRA/Mega@v1"),
        (("open_clip", "hf-hub:org/repo", "hf-hub:org/repo"), "open_clip/hf-hub:org/repo"),
        (("open_clip", "own", "folder:/runs/a"), "/runs/a"),
        (("timm", "resnet50", "random:3"), "timm/resnet50"),
        (("miewid", "miewid-rw-m", "random:3"), "miewid/miewid-rw-m"),
        (("miewid", "miewid-rw-m", "hf-hub:conservationxlabs/miewid-msv3"), "miewid/conservationxlabs/miewid-msv3"),
        (("hf", "clip-vit", "hf-hub:org/repo@v1"), "hf/org/repo@v1"),
        (("onnx", "osnet", "file:/w/osnet.onnx#features"), "onnx//w/osnet.onnx#features"),
    ],
)
def test_a_full_name_is_what_may_be_typed_again(encoder: tuple[str, str, str], name: str) -> None:
    assert full_name(spec(*encoder)) == name


def test_a_line_says_name_licence_size_and_normalisation() -> None:
    assert encoder_line(spec("timm", "resnet50", "tag:a1_in1k", "apache-2.0")) == (
        "Encoder timm/resnet50:a1_in1k, licence apache-2.0; images of 192 x 224 pixels (both sides to 256, bicubic), "
        "mean 0.481/0.458/0.408, std 0.5/0.25/0.125."
    )


def test_what_is_not_known_is_said_where_it_matters() -> None:
    assert ", licence not known here, see its model card;" in encoder_line(spec("a", "b", "hf-hub:org/repo"))
    random = encoder_line(spec("timm", "resnet50", "random:3"))
    assert random.startswith("Encoder timm/resnet50 with random weights (seed 3); images of")
    assert "licence" not in random + encoder_line(spec("a", "b", "file:/w/a.pt"))


def test_an_alias_is_explained() -> None:
    pixels = Preprocess(224, (224, 224), (0.5,) * 3, (0.5,) * 3)
    clip = EncoderSpec("open_clip", "ViT-B-32-quickgelu", "tag:openai", "digest", pixels, "fp32", 8, licence="mit")
    line = encoder_line(clip, "CLIP")
    assert line.startswith("'CLIP' is open_clip/ViT-B-32-quickgelu:openai, licence mit; images of ")
    assert line.endswith("openai/clip-vit-large-patch14-336.")
    assert encoder_line(clip, "open_clip/ViT-B-32").startswith("Encoder open_clip/")
    small = replace(clip, preprocess=PIXELS)
    assert encoder_line(small, "clip").endswith("std 0.5/0.25/0.125.")  # the size was changed: no advice on it


def test_a_licence_is_no_part_of_the_identity_of_an_encoder() -> None:
    one, other = spec("a", "b", "tag:c", "mit"), spec("a", "b", "tag:c")
    assert (one.fingerprint, one.lineage) == (other.fingerprint, other.lineage)
    assert EncoderSpec.from_json(one.to_json()) == one
    assert encoder_data(one)["licence"] == "mit"
    assert encoder_data(one)["size"] == [224, 192]
