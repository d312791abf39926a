from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, UnknownNameError, WeightsError
from tests.support.command_line import call_cli
from tests.support.images import write_images
from tests.support.onnx_files import COLOURS, Model, colour_encoder
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from collections.abc import Sequence

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def opened(name: str, *preprocess: str, **more: Any) -> Any:
    return load(resolve(EncoderRequest(name, preprocess=preprocess, device="cpu", **more)), "cpu")


def batch(size: tuple[int, int], count: int = 3) -> Any:
    return np.random.default_rng(1).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def expected(pixels: Any, mean: Any = MEAN, std: Any = STD, scale: float = 255) -> Any:
    vectors = ((pixels / scale).mean(axis=(1, 2)) - mean) / std @ COLOURS.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [("n", 3, 8, 4), (1, 3, 8, 4), (5, 3, 8, 4), ("n", 8, 4, 3), (16, 8, 4, 3)])
def test_layouts_and_fixed_batches_give_the_vectors_of_the_formula(shape: Sequence[Any], tmp_path: Path) -> None:
    encoder = opened(f"onnx/{colour_encoder(tmp_path / 'colours.onnx', shape)}")
    assert encoder.spec.model == "colours"
    assert encoder.spec.preprocess.crop == (8, 4)
    assert encoder.spec.preprocess.mode == "squash"
    pixels = batch((8, 4), 19)
    assert np.allclose(encoder.encode_images(pixels).vectors, expected(pixels), atol=1e-6)
    layout = "NCHW" if shape[1] == 3 else "NHWC"
    assert f"images of 8x4, as the graph takes them ({layout}, float32" in encoder.notes[0]
    assert "of ImageNet are assumed" in encoder.notes[0]
    assert "its output 'vector'" in encoder.notes[0]


def test_graphs_of_uint8_get_the_pixels_as_they_are(tmp_path: Path) -> None:
    file = colour_encoder(tmp_path / "bytes.onnx", ("n", 8, 4, 3), "uint8")
    encoder = opened(f"onnx/{file}")
    pixels = batch((8, 4))
    assert np.allclose(encoder.encode_images(pixels).vectors, expected(pixels, 0, 1, 1), atol=1e-6)
    assert "pixels as they are" in encoder.notes[0]
    with pytest.raises(InputError, match="leave mean and std as 0 and 1"):
        opened(f"onnx/{file}", "mean=.5")


def test_half_precision_graphs_get_half_precision_pixels(tmp_path: Path) -> None:
    encoder = opened(f"onnx/{colour_encoder(tmp_path / 'half.onnx', dtype='float16')}")
    pixels = batch((8, 4))
    assert np.allclose(encoder.encode_images(pixels).vectors, expected(pixels), atol=5e-3)


def test_quantised_graphs_run(tmp_path: Path) -> None:
    weights = np.clip(np.rint(COLOURS * 40), -127, 127).astype(np.int8)
    file = Model(
        inputs={"x": ("float32", ("n", 3, 8, 8))},
        outputs={"y": ("float32", ("n", 5))},
        nodes=[
            ("GlobalAveragePool", ["x"], ["pooled"], {}),
            ("Flatten", ["pooled"], ["flat"], {"axis": 1}),
            ("DynamicQuantizeLinear", ["flat"], ["q", "scale", "zero"], {}),
            ("MatMulInteger", ["q", "weights", "zero"], ["product"], {}),
            ("Cast", ["product"], ["floats"], {"to": 1}),
            ("Mul", ["floats", "scale"], ["y"], {}),
        ],
        tensors={"weights": weights},
    ).save(tmp_path / "int8.onnx")
    pixels = batch((8, 8))
    assert (np.sum(opened(f"onnx/{file}").encode_images(pixels).vectors * expected(pixels), axis=1) > 0.99).all()


def test_an_open_size_must_be_given_and_a_file_beside_the_graph_may_give_it(tmp_path: Path) -> None:
    file = colour_encoder(tmp_path / "open.onnx", ("n", 3, "height", "width"))
    with pytest.raises(InputError, match="does not say the size of its images; give it: `preprocess=img_size=224`"):
        opened(f"onnx/{file}")
    encoder = opened(f"onnx/{file}", "img_size=16x8")
    assert (encoder.spec.preprocess.resize, encoder.spec.preprocess.crop) == (8, (16, 8))
    assert "images of 16x8, as `preprocess` says" in encoder.notes[0]
    beside = tmp_path / "open.preprocess.json"
    beside.write_text(json.dumps({"img_size": "16x8", "mean": 0.5, "std": 0.25, "mode": "shortest"}))
    encoder = opened(f"onnx/{file}")
    pixels = batch((16, 8))
    assert np.allclose(encoder.encode_images(pixels).vectors, expected(pixels, 0.5, 0.25), atol=1e-6)
    assert "from open.preprocess.json" in encoder.notes[0]
    beside.write_text(json.dumps({"img_size": 16, "scale": 2}))
    with pytest.raises(UnknownNameError, match=r"No preprocessing key \(in .*open.preprocess.json\) 'scale'"):
        opened(f"onnx/{file}")


def test_the_preprocessing_of_transformers_is_read_beside_the_graph_or_above_its_folder(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    file = colour_encoder(tmp_path / "onnx" / "model.onnx", ("n", 3, "height", "width"))
    config = {"size": {"shortest_edge": 20}, "crop_size": 16, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    encoder = opened(f"onnx/{file}")
    assert (encoder.spec.preprocess.resize, encoder.spec.preprocess.crop) == (20, (16, 16))
    assert "as preprocessor_config.json says" in encoder.notes[0]
    pixels = batch((16, 16))
    assert np.allclose(encoder.encode_images(pixels).vectors, expected(pixels, 0.5, 0.25), atol=1e-6)


def test_a_file_beside_the_graph_that_disagrees_with_it_is_an_error(tmp_path: Path) -> None:
    file = colour_encoder(tmp_path / "fixed.onnx")
    (tmp_path / "fixed.preprocess.yaml").write_text("img_size: 224\n")
    with pytest.raises(InputError, match=r"says crop=224x224, and fixed\.onnx takes images of 8x4"):
        opened(f"onnx/{file}")


def test_another_size_than_that_of_the_graph_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot encode images of 16x16"):
        opened(f"onnx/{colour_encoder(tmp_path / 'fixed.onnx')}", "img_size=16")


def two_outputs(path: Path) -> Path:
    nodes: list[Any] = [
        ("GlobalAveragePool", ["x"], ["pooled"], {}),
        ("Flatten", ["pooled"], ["colour:0"], {"axis": 1}),
        ("MatMul", ["colour:0", "weights"], ["vector"], {}),
    ]
    outputs = {"colour:0": ("float32", ("n", 3)), "vector": ("float32", ("n", 5))}
    return Model({"x": ("float32", ("n", 3, 8, 8))}, outputs, nodes, {"weights": COLOURS}).save(path)


def test_of_several_outputs_one_is_named_and_each_is_a_space_of_its_own(tmp_path: Path) -> None:
    file = two_outputs(tmp_path / "two.onnx")
    with pytest.raises(InputError, match=r"gives 'colour:0' \(n, 3\), 'vector' \(n, 5\); say .*two.onnx#colour:0"):
        opened(f"onnx/{file}")
    vector, colour = opened(f"onnx/{file}#vector"), opened(f"onnx/{file}#colour:0")
    assert (vector.dimension, colour.dimension) == (5, 3)
    assert vector.spec.fingerprint != colour.spec.fingerprint
    with pytest.raises(UnknownNameError, match=r"No output of two\.onnx 'vectr'\. Did you mean 'vector'\?"):
        opened(f"onnx/{file}#vectr")


def test_axes_of_length_one_behind_a_vector_are_dropped(tmp_path: Path) -> None:
    nodes: list[Any] = [("GlobalAveragePool", ["x"], ["pooled"], {})]
    file = Model({"x": ("float32", ("n", 3, 8, 8))}, {"pooled": ("float32", ("n", 3, 1, 1))}, nodes).save(
        tmp_path / "pooled.onnx"
    )
    assert opened(f"onnx/{file}").dimension == 3


def test_files_that_are_none_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no such ONNX file; check the path in `encoder=onnx/none\.onnx`"):
        opened("onnx/none.onnx")
    for content in (b"", b"nothing of the kind", b"version https://git-lfs.github.com/spec/v1\n"):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(WeightsError, match="is no ONNX model that can be opened"):
            opened(f"onnx/{tmp_path}/bad.onnx")
    file = colour_encoder(tmp_path / "good.onnx")
    with pytest.raises(InputError, match="is a file with its weights; leave out"):
        opened(f"onnx/{file}", random_init=1)
    with pytest.raises(InputError, match="is a file with its weights; leave out"):
        opened(f"onnx/{file}", weights=str(file))
    with pytest.raises(InputError, match="runs in the precision of its export"):
        opened(f"onnx/{file}", precision="bf16")


def test_tensors_beside_the_graph_are_part_of_the_identity(tmp_path: Path) -> None:
    file = colour_encoder(tmp_path / "big.onnx", external="big.onnx_data")
    spec = resolve(EncoderRequest(f"onnx/{file}", device="cpu"))
    pixels = batch((8, 4))
    assert np.allclose(load(spec, "cpu").encode_images(pixels).vectors, expected(pixels), atol=1e-6)
    data = tmp_path / "big.onnx_data"
    data.write_bytes(data.read_bytes()[::-1])
    with pytest.raises(WeightsError, match="is not what this space was made with"):
        load(spec, "cpu")
    data.unlink()
    with pytest.raises(WeightsError, match="is no ONNX model that can be opened"):
        opened(f"onnx/{file}")


def test_a_file_that_moves_is_the_same_space(tmp_path: Path) -> None:
    first = resolve(EncoderRequest(f"onnx/{colour_encoder(tmp_path / 'a.onnx')}"))
    (tmp_path / "elsewhere").mkdir()
    second = resolve(EncoderRequest(str((tmp_path / "a.onnx").rename(tmp_path / "elsewhere" / "a.onnx"))))
    assert first.fingerprint == second.fingerprint


def test_the_command_says_what_it_does_to_the_images_and_searches_a_new_one(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", 6)
    file, store = colour_encoder(tmp_path / "colours.onnx"), tmp_path / "store"
    made = call_cli("index", tmp_path / "images", "--store", store, "--encoder", file)
    assert "colours.onnx: images of 8x4, as the graph takes them" in made.stderr
    assert "--preprocess mean=A/B/C,std=A/B/C sets others" in made.stderr
    assert "in space colours@" in made.stdout
    assert "class0/00000.jpg" in call_cli("search", images[0], "--store", store, "--include-self").stdout
    wrong = call_cli("index", tmp_path / "images", "--store", store, "--encoder", f"onnx/{tmp_path}/none.onnx", check=1)
    assert "no such ONNX file; check the path in --encoder" in wrong.stderr


@needs_shared
def test_a_published_network_encodes_hands() -> None:
    encoder = opened(f"onnx/{SHARED / 'weights' / 'osnet_x0_25_msmt17.onnx'}")
    assert (encoder.dimension, encoder.spec.preprocess.crop) == (512, (256, 128))
    vectors = encoder.encode_images(batch((256, 128), 2)).vectors
    assert 0 < float(vectors[0] @ vectors[1]) < 1
