"""Graphs of encoders of all families of torch, read again as ``onnx/FILE``."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import yaml

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingDependencyError, WeightsError
from retrieval.export.encoder_graph import image_network, require_onnx, write_graph
from retrieval.export.encoder_report import EncoderExportReport
from tests.support import encoder_folders, hf_folders
from tests.support import tiny_open_clip as tiny
from tests.support.onnx_files import colour_encoder

if TYPE_CHECKING:
    from pathlib import Path

LEAST = {"fp32": 0.999999, "fp16": 0.99999, "int8": 0.98}
"""Cosines that vectors of random weights have to those of torch."""

TWO_LAYERS = {**tiny.CONFIG, "vision_cfg": {**tiny.CONFIG["vision_cfg"], "layers": 2}}


class Restless(torch.nn.Module):
    """A network that answers otherwise at every call."""

    calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return torch.stack([images.mean((1, 2, 3)) + self.calls, images[:, 0, 0, 0] + 1], dim=1)


def encoder_of(case: str, folder: Path) -> Any:
    """A small encoder of random weights."""
    tiny.register(folder)
    tiny.register(folder, "two-layers", TWO_LAYERS)
    makers: dict[str, Any] = {
        "adapter": encoder_folders.adapted_towers,
        "adapter of preproj with a bias": unprojected_adapter,
        "reid-vit": lambda place: encoder_folders.reid_tower(place, "vit"),
        "reid-resnet": lambda place: encoder_folders.reid_tower(place, "resnet"),
        "classifier": encoder_folders.classifier,
        "hf": lambda place: hf_folders.save(place, "clip"),
    }
    named = {"name": str(makers[case](folder / "encoder"))} if case in makers else {"name": case, "random_init": 0}
    size = () if case in makers or case.startswith("open_clip") else ("img_size=64",)
    return load(resolve(EncoderRequest(precision="fp32", device="cpu", preprocess=size, **named)), "cpu")


def unprojected_adapter(folder: Path) -> Path:
    """An adapter of what a small CLIP gives before its projection, with a column for a bias, as of ProLIP."""
    parent = resolve(EncoderRequest(str(encoder_folders.two_towers(folder.with_name("parent"))), device="cpu"))
    shape = tiny.CONFIG["embed_dim"], tiny.CONFIG["vision_cfg"]["width"] + 1
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return encoder_folders.linear_adapter(folder, parent, matrix, "prolip", "preproj")


def read_again(path: Path, encoder: Any) -> Any:
    values = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(encoder.spec.preprocess).items()}
    path.with_suffix(".preprocess.yaml").write_text(yaml.safe_dump(values))
    return load(resolve(EncoderRequest(f"onnx/{path}", device="cpu")), "cpu")


@pytest.mark.parametrize(
    ("case", "precisions"),
    [
        ("open_clip/two-layers", ("fp32", "fp16", "int8")),
        ("timm/test_efficientnet", ("fp32", "fp16", "int8")),
        ("torchvision/shufflenet_v2_x0_5", ("fp32",)),
        ("adapter", ("fp32", "int8")),
        ("adapter of preproj with a bias", ("fp32",)),
        ("reid-vit", ("fp32",)),
        ("reid-resnet", ("fp32",)),
        ("classifier", ("fp32",)),
        ("hf", ("fp32",)),
    ],
)
def test_a_graph_gives_the_vectors_of_torch(case: str, precisions: tuple[Any, ...], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    encoder = encoder_of(case, tmp_path)
    height, width = encoder.spec.preprocess.crop
    batch = np.random.default_rng(0).integers(0, 256, (5, height, width, 3), dtype=np.uint8)
    expected = encoder.encode_images(batch)
    sizes = {}
    for precision in precisions:
        path = tmp_path / f"{precision}.onnx"
        weights = write_graph(encoder, precision, path, {"made": "here"})
        sizes[precision] = path.stat().st_size
        again = read_again(path, encoder)
        assert again.spec.preprocess == encoder.spec.preprocess
        assert again.dimension == encoder.dimension
        vectors, norms = again.encode_images(batch)
        cosines = (vectors * expected.vectors).sum(axis=1)
        print(f"{case} {precision}: cosine {cosines.min():.6f}, {path.stat().st_size:,} of {weights:,} bytes")
        assert cosines.min() > LEAST[precision]
        assert np.allclose(norms, expected.norms, rtol=1e-4 if precision == "fp32" else 0.1)
    if len(precisions) == 3:
        assert sizes["int8"] < sizes["fp32"]
        assert sizes["fp16"] < 0.65 * sizes["fp32"]


def test_a_vector_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    encoder = encoder_of("timm/test_vit", tmp_path)
    write_graph(encoder, "fp32", tmp_path / "a.onnx", {})
    session = pytest.importorskip("onnxruntime").InferenceSession(str(tmp_path / "a.onnx"))
    images = np.random.default_rng(0).standard_normal((7, 3, 64, 64)).astype(np.float32)
    seven = session.run(None, {"images": images})[0]
    for n in (1, 3):
        assert np.allclose(session.run(None, {"images": images[:n]})[0], seven[:n], atol=1e-5)


def test_weights_beyond_half_precision_stay_as_they_are(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    encoder = encoder_of("timm/test_vit", tmp_path)
    encoder.network.patch_embed.proj.weight.data[0, 0, 0, 0] = 1e6
    write_graph(encoder, "fp16", tmp_path / "a.onnx", {})
    kept = [tensor.name for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer if tensor.data_type == 1]
    assert [name for name in kept if "patch_embed" in name] == ["network.patch_embed.proj.weight"]


def test_equal_weights_are_quantised_too(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    encoder = encoder_of("timm/test_vit", tmp_path)
    first, second = torch.nn.Conv2d(3, 3, 3), torch.nn.Conv2d(3, 3, 3)
    second.load_state_dict(first.state_dict())
    pooled = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
    encoder._forward, encoder._dimension = torch.nn.Sequential(first, second, pooled), 12
    write_graph(encoder, "int8", tmp_path / "a.onnx", {})
    kinds = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert kinds.count("ConvInteger") == 2
    assert "Identity" not in kinds


def test_a_graph_that_gives_other_vectors_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    encoder = encoder_of("timm/test_vit", tmp_path)
    encoder._forward, encoder._dimension = Restless(), 2
    with pytest.raises(WeightsError, match=r"does not give the vectors of torch \(cosine .*\), so it was not written"):
        write_graph(encoder, "fp32", tmp_path / "a.onnx", {})


def test_what_the_file_lacks_of_the_views_of_a_space_is_said() -> None:
    report = EncoderExportReport("a.onnx", "a.yaml", "s", "fp32", "fp32", 8, 9, 9, "whole", ("base",), None)
    assert report.notes == ()
    flipped, before = replace(report, views=("base", "hflip", "preproj")).notes
    assert "index with `views=base,hflip`" in flipped
    assert "the view preproj of space s, which adapters are trained on, is not in it" in before


def test_a_graph_is_no_network_of_torch(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    encoder = read_graph(colour_encoder(tmp_path / "graph.onnx"))
    with pytest.raises(InputError, match="is no network of torch"):
        image_network(encoder)


def read_graph(path: Path) -> Any:
    return load(resolve(EncoderRequest(f"onnx/{path}", device="cpu")), "cpu")


def test_without_the_package_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install onnx onnxruntime .*vitrine\[export\]"):
        require_onnx()
