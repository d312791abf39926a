from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, MissingFileError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "miewid-rw-t"


def published(seed: int = 3) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """A backbone, and a file as the authors save it: backbone, exponent, batch normalisation, layer of the loss."""
    repair_torchvision()
    import timm

    torch.manual_seed(seed)
    backbone: torch.nn.Module = timm.create_model("efficientnetv2_rw_t", num_classes=0, global_pool="")
    for layer in backbone.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.weight.data.fill_(0.6)  # small residuals, so that rounding is not amplified from block to block
    cast("Any", backbone).bn2.weight.data.mul_(1e6)  # the last one: features of usual size again
    tensors = {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
    rows = torch.Generator().manual_seed(1)
    tensors |= {"pooling.p": torch.tensor([2.5]), "bn.num_batches_tracked": torch.tensor(4)}
    for key in ("weight", "bias", "running_mean", "running_var"):
        tensors[f"bn.{key}"] = torch.rand(1024, generator=rows) + 0.1
    tensors["final.kernel"] = torch.rand(1024, 7, generator=rows)
    return backbone.eval(), tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miewid") / "msv"
    folder.mkdir()
    save_file({key: value.contiguous() for key, value in published()[1].items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["MiewIdNet"], "model_name": "efficientnetv2_rw_t"})
    )
    return folder


def opened(name: str, **more: Any) -> Any:
    request = EncoderRequest(name, preprocess=("img_size=64",), device="cpu", **more)
    return load(resolve(request), "cpu")


def test_the_vector_is_the_generalised_mean_normalised_by_the_batch_statistics(folder: Path) -> None:
    encoder = opened(f"miewid/{folder}")
    assert (encoder.spec.model, encoder.dimension) == (SMALL, 1024)
    assert any("final belongs to the training" in note for note in encoder.notes)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    backbone, tensors = published()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(((images / 255 - mean) / std).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        maps = backbone(pixels).double().numpy()
    pooled = np.mean(np.maximum(maps, 1e-6) ** 2.5, axis=(2, 3)) ** (1 / 2.5)
    part = {key: tensors[f"bn.{key}"].double().numpy() for key in ("weight", "bias", "running_mean", "running_var")}
    vectors = (pooled - part["running_mean"]) / np.sqrt(part["running_var"] + 1e-5) * part["weight"] + part["bias"]
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.allclose(encoder.encode_images(images).vectors, expected, atol=2e-5)


def test_images_are_stretched_to_440_and_normalised_as_for_imagenet() -> None:
    spec = resolve(EncoderRequest("miewid/miewid-rw-m", random_init=0))
    assert spec.preprocess is not None
    assert (spec.preprocess.crop, spec.preprocess.mode) == ((440, 440), "squash")
    assert spec.preprocess.mean == (0.485, 0.456, 0.406)


def test_a_folder_is_known_without_its_family_and_a_file_has_the_same_vectors(folder: Path) -> None:
    by_folder = resolve(EncoderRequest(str(folder)))
    by_file = resolve(EncoderRequest(f"miewid/{SMALL}", weights=str(folder / "model.safetensors")))
    assert by_folder.family == "miewid"
    assert by_folder.fingerprint == by_file.fingerprint
    of_the_largest = resolve(EncoderRequest(f"miewid/{folder}/model.safetensors"))
    assert of_the_largest.model == "miewid-rw-m"


def test_weights_that_fit_in_part_are_refused_with_the_parts(folder: Path, tmp_path: Path) -> None:
    tensors = {key: value.contiguous() for key, value in published()[1].items()}
    del tensors["bn.weight"]
    tensors |= {"pooling.p": torch.ones(2), "neck.weight": torch.ones(2)}
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(WeightsError) as raised:
        opened(f"miewid/{SMALL}", weights=str(tmp_path / "part.safetensors"))
    for part in ("1 missing (bn.weight)", "1 unexpected (neck.weight)", "1 of another shape (pooling.p (2,)"):
        assert part in str(raised.value)


def test_names_that_are_none_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file or folder, and not of the form miewid/ORGANISATION"):
        opened("miewid/nothing")
    with pytest.raises(InputError, match="needs weights"):
        opened(f"miewid/{SMALL}")
    with pytest.raises(MissingFileError, match=r"has no model\.safetensors or pytorch_model\.bin"):
        opened(f"miewid/{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_name": "resnet50"}')
    with pytest.raises(InputError, match=r"names the backbone 'resnet50'; MiewID has efficientnetv2_rw_m"):
        opened(f"miewid/{tmp_path}")
