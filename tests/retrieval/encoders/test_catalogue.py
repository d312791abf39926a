from __future__ import annotations

import pytest

from retrieval.encoders.aliases import ALIASES
from retrieval.encoders.catalogue import encoders
from retrieval.errors import UnknownNameError


def test_without_a_word_the_short_names_are_listed() -> None:
    assert [entry.name for entry in encoders()] == list(ALIASES)
    entry = next(entry for entry in encoders() if entry.name == "megadescriptor")
    assert entry.full_name == "timm/hf-hub:BVRA/MegaDescriptor-L-384"
    assert (entry.family, entry.licence, entry.size) == ("timm", "cc-by-nc-4.0", (384, 384))


def test_a_word_finds_short_names_names_elsewhere_and_models_of_every_library() -> None:
    names = {entry.name for entry in encoders("DINOV2")}
    assert {"dinov2", "facebook/dinov2-base", "dinov2_vitg14_reg", "timm/vit_base_patch14_dinov2:lvd142m"} <= names
    rows = {entry.name: entry for entry in encoders("resnet50")}
    assert rows["timm/resnet50:a1_in1k"].licence == "apache-2.0"
    assert "tv_in1k" in rows["timm/resnet50:a1_in1k"].weights
    assert rows["torchvision/resnet50:DEFAULT"].size == (224, 224)
    (small,) = encoders("open_clip/MobileCLIP2-S0")
    assert (small.full_name, small.size) == ("open_clip/MobileCLIP2-S0:dfndr2b", (256, 256))
    assert [entry.full_name for entry in encoders("skresnet50d")] == ["timm/skresnet50d"]  # nothing is published


def test_a_word_that_no_name_has_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match=r"contains 'xyzzy'; 'vitrine encoders' lists"):
        encoders("xyzzy")
