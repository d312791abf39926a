from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.hf_folder import ModelFiles
from retrieval.errors import InputError, WeightsError
from tests.support import hf_folders

if TYPE_CHECKING:
    from pathlib import Path

INDEX = "model.safetensors.index.json"


def test_the_digest_is_of_the_weights_and_of_what_the_configuration_means(tmp_path: Path) -> None:
    folder = hf_folders.save(tmp_path / "a", "dinov2")
    files = ModelFiles(f"folder:{folder}")
    first = files.artefact().digest
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_version": "9", "hidden_act": "gelu"}))
    assert files.artefact().digest == first
    (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "quick_gelu"}))
    assert files.artefact().digest != first
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"embeddings.cls_token": torch.zeros(1)}, folder / "model.safetensors")
    assert files.artefact().digest != first


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"weight_map": {"a": "../outside.safetensors"}}', '{"weight_map": {"a": 1}}']
)
def test_an_index_that_names_no_files_beside_it_is_a_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(InputError, match="names no files of weights beside it"):
        ModelFiles(f"folder:{tmp_path}").weights()


def test_a_tensor_in_two_files_is_a_sentence(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {"a": torch.zeros(1)}
    for name in ("x.safetensors", "y.safetensors"):
        save_file(tensors, tmp_path / name)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "x.safetensors", "b": "y.safetensors"}}))
    with pytest.raises(WeightsError, match="holds a, as another of the files does"):
        ModelFiles(f"folder:{tmp_path}").read()
