from __future__ import annotations

from retrieval.encoders.aliases import ALIASES
from retrieval.encoders.catalogue import aliases, models


def test_without_a_word_the_short_names_are_listed() -> None:
    assert [entry.name for entry in aliases()] == list(ALIASES)
    entry = next(entry for entry in aliases() if entry.name == "megadescriptor")
    assert entry.full_name == "timm/hf-hub:BVRA/MegaDescriptor-L-384"
    assert (entry.family, entry.licence, entry.size) == ("timm", "cc-by-nc-4.0", (384, 384))


def test_a_word_finds_short_names_repositories_and_models_of_every_library() -> None:
    names = [entry.name for entry in aliases("DINOV2")]
    assert {"dinov2", "facebook/dinov2-base", "facebook/dinov2-with-registers-giant"} <= set(names)
    rows = {entry.name: entry for entry in models("resnet50")}
    assert rows["timm/resnet50:a1_in1k"].licence == "apache-2.0"
    assert "tv_in1k" in rows["timm/resnet50:a1_in1k"].weights
    assert rows["torchvision/resnet50:DEFAULT"].size == (224, 224)
    (tiny,) = models("MobileCLIP2-S0")
    assert (tiny.full_name, tiny.size) == ("open_clip/MobileCLIP2-S0:dfndr2b", (256, 256))
    assert [entry.full_name for entry in models("skresnet50d")] == ["timm/skresnet50d"]  # nothing is published
    assert list(models("xyzzy")) == []
