from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from retrieval.encoders.onnx_graph import external_files, open_session, read_graph
from retrieval.errors import InputError
from tests.support.onnx_files import Model, colour_encoder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_graph_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    path = colour_encoder(tmp_path / "x.onnx", (4, 16, "width", 3), "uint8")
    graph = read_graph(open_session(path), path)
    assert (graph.input, graph.output, graph.layout) == ("images", "vector", "NHWC")
    assert (graph.size, graph.dtype, graph.batch, graph.vague) == (None, "uint8", 4, False)
    path = colour_encoder(tmp_path / "y.onnx", ("batch", "colours", 16, 8))
    graph = read_graph(open_session(path, optimised=False), path)
    assert (graph.layout, graph.size, graph.batch, graph.vague) == ("NCHW", (16, 8), None, True)


def test_files_with_tensors_of_a_graph_are_those_that_it_names(tmp_path: Path) -> None:
    path = colour_encoder(tmp_path / "x.onnx", external="x.onnx_data")
    (tmp_path / "x.onnx_data_of_another").write_bytes(b"no part")
    assert external_files(path) == [tmp_path / "x.onnx_data"]
    assert external_files(colour_encoder(tmp_path / "y.onnx")) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            {"x": ("float32", ("n", 3, 8, 8)), "ids": ("int64", ("n", 4))},
            {},
            r"has 2 inputs \(x, ids\); export",
        ),
        ({"x": ("float32", ("n", 12))}, {}, r"takes 'x' of shape \(n, 12\), not images"),
        ({"x": ("float32", ("n", 1, 8, 8))}, {}, r"takes 'x' of shape \(n, 1, 8, 8\), not images"),
        ({"x": ("int64", ("n", 3, 8, 8))}, {}, r"takes 'x' as tensor\(int64\), not as float or uint8"),
        ({"x": ("float32", ("n", 3, 8, 8))}, {"y": ("float32", ("n", 3, 8, 8))}, "none is a vector for each image"),
    ],
)
def test_graphs_that_encode_no_images_are_a_sentence(inputs: Any, outputs: Any, message: str, tmp_path: Path) -> None:
    first = next(iter(inputs))
    path = Model(inputs, outputs or {"y": inputs[first]}, [("Identity", [first], ["y"], {})]).save(tmp_path / "x.onnx")
    session = open_session(path)
    with pytest.raises(InputError, match=message):
        read_graph(session, path)
