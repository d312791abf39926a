"""The hub's cache, and no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import save_file

from retrieval.encoders import hub
from retrieval.encoders.digests import file_digest
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import NetworkError, UnknownNameError
from tests.support import hub_server
from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    ["timm/resnet18:a1_in1k", "timm/resnet18.a1_in1k", "open_clip/ViT-B-32:openai", "torchvision/resnet18:DEFAULT",
     "timm/resnet18:hf-hub:org/repo"],
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


OLD, NEW = "b" * 40, "a" * 40


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in the cache of the hub, without a network: revision ``v1`` and a newer main branch."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--org--repo"
    (folder / "refs" / "pr").mkdir(parents=True)
    for revision, commit in (("main", NEW), ("v1", OLD), ("pr/1", OLD)):
        (folder / "refs" / revision).write_text(commit)
    for commit in (OLD, NEW):
        (folder / "snapshots" / commit).mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("name", "commit"),
    [("org/repo", NEW), ("org/repo@main", NEW), ("org/repo@v1", OLD), ("org/repo@pr/1", OLD), (f"org/repo@{OLD}", OLD)],
)
def test_a_revision_chooses_the_version(repository: Path, name: str, commit: str) -> None:
    import timm
    import torch

    for seed, other in enumerate((OLD, NEW)):
        torch.manual_seed(seed)
        model = timm.create_model("test_vit")
        save_file(model.state_dict(), repository / "snapshots" / other / "model.safetensors")
    (repository / "snapshots" / commit / "config.json").write_text('{"pretrained_cfg": {"mean": [0.1, 0.2, 0.3]}}')
    assert hub.hub_file(name, ["model.safetensors"]).parent.name == commit
    spec = resolve(EncoderRequest(f"timm/test_vit:hf-hub:{name}", device="cpu"))
    assert spec.weights == f"hf-hub:{name}"
    assert spec.weights_digest == file_digest(repository / "snapshots" / commit / "model.safetensors")
    assert spec.preprocess is not None
    assert spec.preprocess.mean == (0.1, 0.2, 0.3)
    assert load(spec, "cpu").head is not None


def test_open_clip_reads_model_weights_and_tokenizer_of_a_revision(repository: Path) -> None:
    from retrieval.encoders.open_clip_encoder import OpenClipEncoder, context_length, tokenizer

    for commit, context in ((OLD, 12), (NEW, 20)):
        config = {
            "model_cfg": {
                "embed_dim": 8,
                "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
                "text_cfg": {"context_length": context, "width": 32, "heads": 2, "layers": 1},
            }
        }
        folder = repository / "snapshots" / commit
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        import open_clip

        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    for name, context in (("org/repo", 20), ("org/repo@v1", 12)):
        spec = resolve(EncoderRequest(f"open_clip/hf-hub:{name}", device="cpu"))
        assert spec.weights == f"hf-hub:{name}"
        assert context_length(spec) == context
        encoder = load(spec, "cpu")
        assert isinstance(encoder, OpenClipEncoder)
        assert encoder.encode_texts(["a fly agaric"]).vectors.shape == (1, 8)
    assert tokenizer(spec)(["a fly agaric"]).shape == (1, 12)


@pytest.mark.parametrize("name", ["org/repo@", "org/repo@../../x", "org/repo@v1 2", "org/repo@a@b", "@v1"])
def test_a_revision_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"ORGANISATION/REPOSITORY\[@REVISION\]"):
        hub.hub_file(name, ["model.safetensors"])


def test_a_revision_that_does_not_exist_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import RevisionNotFoundError

    def missing(identifier: str, _name: str, *, revision: str | None) -> str:
        assert (identifier, revision) == ("org/repo", "v9")
        raise RevisionNotFoundError.__new__(RevisionNotFoundError)  # a response of the hub would be needed

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", missing)
    with pytest.raises(UnknownNameError, match=r"hf-hub:org/repo has no revision 'v9'; .*leave out '@v9'"):
        hub.hub_file("org/repo@v9", ["model.safetensors"])
    file = repository / "snapshots" / NEW / "model.safetensors"
    file.touch()
    assert hub.hub_file("org/repo", ["model.safetensors"]) == file  # the way out


def test_a_revision_that_is_not_in_the_cache_is_said(repository: Path) -> None:
    assert repository.is_dir()
    with pytest.raises(NetworkError, match=r"model.safetensors of hf-hub:org/repo@v9 is not in the local cache"):
        hub.hub_file("org/repo@v9", ["model.safetensors"])


FETCHES = """
import sys
from retrieval.encoders.hub import hub_config, hub_file, model_card
for repository in sys.argv[1:]:
    try:
        print(hub_config(repository).name, hub_file(repository, ["model.safetensors", "pytorch_model.bin"]).name)
        print(model_card(repository).read_text())
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_repository_is_downloaded_once_with_its_model_card(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "org" / "mega"
    repository.mkdir(parents=True)
    for name in ("config.json", "pytorch_model.bin", "README.md"):
        (repository / name).write_text(name)
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with hub_server.serving(tmp_path / "hub") as (address, requests):
        env |= {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        words = [sys.executable, "-c", FETCHES, "org/mega", "org/none", "org/mega"]
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    files = ["config.json pytorch_model.bin", "README.md"]
    none = "UnknownNameError hf-hub:org/none does not exist, or may not be read without a log-in."
    assert done.stdout.splitlines() == [*files, none, *files], done.stderr
    fetched = [request.removeprefix("GET org/mega/") for request in requests if request.startswith("GET org/mega/")]
    assert sorted(fetched) == ["README.md", "config.json", "pytorch_model.bin"]
    assert not any("org/mega" in request for request in requests[requests.index("HEAD org/none/config.json") :])
