"""Repositories as the Hugging Face hub's client caches them, with small models in them, and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from retrieval.encoders.torchvision_ops import repair_torchvision
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COMMIT = "a" * 40
CARD = "---\nlicense: {licence}\ntags:\n- animals\n---\n# Model card\n"


def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's client read this cache alone."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("TORCH_HOME", str(cache))


def repository(
    cache: Path, name: str, files: dict[str, str | bytes], commit: str = COMMIT, branch: str = "main"
) -> Path:
    """Put files into a repository of the cache; returns the folder of the commit."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / branch).write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (snapshot / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return snapshot


def timm_files(folder: Path, architecture: str = "test_vit", licence: str = "cc-by-nc-4.0", **pixels: Any) -> None:
    """Write what a repository of timm holds: configuration, random weights, model card."""
    repair_torchvision()
    import timm

    folder.mkdir(parents=True, exist_ok=True)
    config = {"architecture": architecture, "num_classes": 0, "pretrained_cfg": {"mean": [0.5] * 3, **pixels}}
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=0)
    save_file(dict(model.state_dict()), folder / "model.safetensors")
    (folder / "README.md").write_text(CARD.format(licence=licence))


def open_clip_files(folder: Path, licence: str = "mit", seed: int = 5) -> None:
    """Write what a repository of open_clip holds; the caller has registered :mod:`tests.support.tiny_open_clip`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": tiny.CONFIG, "preprocess_cfg": {}}))
    save_file(tiny.state_dict(seed), folder / "open_clip_model.safetensors")
    (folder / "README.md").write_text(CARD.format(licence=f"\n- {licence}"))
