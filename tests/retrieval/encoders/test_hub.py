"""The hub's cache, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from safetensors.torch import save_file

from retrieval.encoders import hub
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import NetworkError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    ["timm/resnet18:a1_in1k", "timm/resnet18.a1_in1k", "open_clip/ViT-B-32:openai", "open_clip/hf-hub:org/repo",
     "torchvision/resnet18:DEFAULT", "timm/resnet18:hf-hub:org/repo"],
)  # fmt: skip
def test_without_a_network_the_error_names_the_local_file_option(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens on the discard port
    with pytest.raises(NetworkError, match="`weights=FILE`"):
        resolve(EncoderRequest(name, device="cpu"))


def test_the_local_cache_of_the_hub_is_used_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    commit = "a" * 40
    repository = tmp_path / "models--timm--test_vit.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    file = repository / "snapshots" / commit / "model.safetensors"
    file.parent.mkdir(parents=True)
    save_file(timm.create_model("test_vit").state_dict(), file)
    import huggingface_hub.constants
    import huggingface_hub.file_download

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert hub.hub_file("timm/test_vit.r160_in1k", ["model.safetensors"]) == file
    spec = resolve(EncoderRequest("timm/test_vit.r160_in1k", device="cpu"))
    assert spec.weights == "tag:r160_in1k"
    head = load(spec, "cpu").head
    assert head is not None
    assert head.weight.shape == (1000, 64)
