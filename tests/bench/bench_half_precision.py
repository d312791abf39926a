"""ONNX files of encoders whose arithmetic is of half precision, beside those that ``export-encoder`` writes.

``python -m tests.bench.bench_half_precision [ENCODER ...]``

A graph of fp32 is rewritten: weights, constants and casts become fp16, and images and vectors are cast at its ends.
Prints size, time of one core per image, least cosine to fp32, and in which numbers onnxruntime runs it on a CPU: the
types of the weights in the graph that it makes of the file. A file whose opening ends the process is opened with basic
optimisations. Networks other than vitrine-tiny have random weights.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from retrieval.encoders.onnx_graph import onnxruntime
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.export.encoder_graph import INPUT, OUTPUT, write_graph

ENCODERS = {"open_clip/vitrine-tiny": None, "open_clip/ViT-B-32": 0}
"""Names, and seeds of random weights."""

IMAGES, ROUNDS = 4, 7


def _half(tensor: Any) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))


def halved_throughout(model: Any) -> Any:
    """Rewrite a graph of fp32 into one of fp16, but for its input and output."""
    graph = model.graph
    for tensor in graph.initializer:
        _half(tensor)
    ends = {INPUT: f"{INPUT}.half", OUTPUT: f"{OUTPUT}.half"}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _half(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
        node.input[:] = [ends.get(name, name) for name in node.input]
        node.output[:] = [ends.get(name, name) for name in node.output]
    first = helper.make_node("Cast", [INPUT], [ends[INPUT]], to=TensorProto.FLOAT16)
    last = helper.make_node("Cast", [ends[OUTPUT]], [OUTPUT], to=TensorProto.FLOAT)
    nodes = [first, *graph.node, last]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model


def _opens(path: Path) -> bool:
    """Return whether another process can open a file."""
    code = f"import onnxruntime; onnxruntime.InferenceSession({str(path)!r}, providers=['CPUExecutionProvider'])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def _opened(path: Path, rewritten: Path, *, basic: bool) -> Any:
    """Open a file on one core; onnxruntime writes what it makes of the graph."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    if basic:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = str(rewritten)
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bench(name: str, folder: Path) -> None:
    """Print a line for each kind of file."""
    request = EncoderRequest(name, precision="fp32", device="cpu", random_init=ENCODERS.get(name, 0))
    encoder: Any = load(replace(resolve(request), batch_size=1), "cpu")
    images = np.random.default_rng(0).standard_normal((IMAGES, 3, *encoder.spec.preprocess.crop)).astype(np.float32)
    expected = None
    print(f"\n{name}")
    for kind in ("fp32", "fp16", "int8", "fp16 throughout"):
        path = folder / f"{kind}.onnx"
        if kind == "fp16 throughout":
            onnx.save(halved_throughout(onnx.load(folder / "fp32.onnx")), path)
        else:
            write_graph(encoder, kind, path, {})  # type: ignore[arg-type]
        basic = not _opens(path)
        session = _opened(path, folder / "rewritten.onnx", basic=basic)
        vectors = session.run([OUTPUT], {INPUT: images})[0].astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        expected = vectors if expected is None else expected
        times = []
        for _ in range(ROUNDS):
            start = _core_seconds()
            session.run([OUTPUT], {INPUT: images})
            times.append((_core_seconds() - start) / IMAGES)
        weights = onnx.load(folder / "rewritten.onnx").graph.initializer
        types = sorted({TensorProto.DataType.Name(one.data_type) for one in weights} - {"INT64"})
        print(
            f"  {kind:15} {path.stat().st_size / 1e6:7.1f} MB {1000 * min(times):7.1f} ms an image, least cosine "
            f"{float((vectors * expected).sum(axis=1).min()):.6f}, runs with weights of {', '.join(types).lower()}"
            f"{'; opening it with the usual optimisations ends the process' if basic else ''}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS))
    torch.set_num_threads(1)
    for name in parser.parse_args().encoders:
        with tempfile.TemporaryDirectory() as place:
            bench(name, Path(place))


if __name__ == "__main__":
    main()
