from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.encoders.request import EncoderRequest, split_name, weight_source
from retrieval.errors import InputError, MissingFileError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("timm/resnet50", ("timm", "resnet50", None)),
        ("timm/resnet50:a1_in1k", ("timm", "resnet50", "a1_in1k")),
        ("timm/efficientnet_b3:../w/file.safetensors", ("timm", "efficientnet_b3", "../w/file.safetensors")),
        ("timm/resnet50:hf-hub:timm/resnet50.a1_in1k", ("timm", "resnet50", "hf-hub:timm/resnet50.a1_in1k")),
        ("open_clip/hf-hub:org/repo", ("open_clip", "hf-hub:org/repo", None)),
        ("open_clip/ViT-B/32", ("open_clip", "ViT-B/32", None)),
    ],
)
def test_names(name: str, parts: tuple[str, str, str | None]) -> None:
    assert split_name(EncoderRequest(name)) == parts


@pytest.mark.parametrize("name", ["resnet50", "/resnet50", "timm/", ""])
def test_names_of_another_form(name: str) -> None:
    with pytest.raises(InputError, match="FAMILY/MODEL"):
        split_name(EncoderRequest(name))


def test_weights_named_twice_or_with_a_seed() -> None:
    with pytest.raises(InputError, match="twice"):
        split_name(EncoderRequest("timm/resnet50:a", weights="b"))
    with pytest.raises(InputError, match="exclude"):
        split_name(EncoderRequest("timm/resnet50:a", random_init=0))
    with pytest.raises(InputError, match="whole number"):
        split_name(EncoderRequest("timm/resnet50", random_init=-1))


def test_where_weights_are(tmp_path: Path) -> None:
    (tmp_path / "w.weights").write_bytes(b"x")
    assert weight_source("a1", ["a1"], "m") == "tag:a1"
    assert weight_source("hf-hub:a/b", [], "m") == "hf-hub:a/b"
    assert weight_source(str(tmp_path / "w.weights"), ["a1"], "m") == f"file:{tmp_path.resolve() / 'w.weights'}"
    with pytest.raises(MissingFileError, match="no such file"):
        weight_source("gone.pt", ["a1"], "m")
    with pytest.raises(MissingFileError, match="no such file"):
        weight_source("gone/a1", ["a1"], "m")
    with pytest.raises(InputError, match="folder"):
        weight_source(str(tmp_path), [], "m")
    with pytest.raises(UnknownNameError, match="Did you mean 'laion2b'"):
        weight_source("laion2", ["laion2b", "openai"], "m")
