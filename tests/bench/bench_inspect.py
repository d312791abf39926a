"""Time of an inspection per image at five objects, and ONNX files of encoders beside torch.

``python -m tests.bench.bench_inspect [ENCODER ...]``

The plan asks for at most two seconds an image, of a GPU. Here all is on a CPU: decoding one image, cutting five boxes
out of it, preprocessing and encoding them, in one forward pass for all or in one for each. Networks other than
vitrine-tiny have random weights: times do not depend on weights, agreement of fp16 and int8 does, so it says little.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from retrieval.crops import cut_box
from retrieval.encoders.onnx_graph import onnxruntime
from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.export.encoder_graph import INPUT, OUTPUT, write_graph
from retrieval.images import read_image, upright
from retrieval.types import Box, Float32, UInt8

ENCODERS = {"open_clip/vitrine-tiny": None, "open_clip/ViT-B-32": 0, "open_clip/ViT-L-14": 0}
"""Names, and seeds of random weights."""

OBJECTS = 5
CORES = 2
ROUNDS = 3
TARGET = 2.0
"""Seconds an image in the plan of the inspection."""

BOXES = [Box(0.05 + 0.18 * at, 0.2, 0.16, 0.4) for at in range(OBJECTS)]
Forward = Callable[[UInt8], Float32]


def photograph(folder: Path) -> Path:
    """A photograph of 12 megapixels."""
    path = folder / "photo.jpg"
    coarse = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def crops(path: Path, encoder: Any) -> UInt8:
    """The pixels of the five objects."""
    image = upright(read_image(path)).image
    return np.stack([pixels(cut_box(image, box), encoder.spec.preprocess) for box in BOXES])


def best(action: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock, and of all cores together, in the shortest of a few rounds."""
    rounds = []
    for _ in range(ROUNDS):
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        action()
        after = resource.getrusage(resource.RUSAGE_SELF)
        cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rounds.append((time.perf_counter() - start, cores))
    return min(rounds)


def one_by_one(forward: Forward, batch: UInt8) -> Float32:
    """A forward pass for each object."""
    return np.concatenate([forward(batch[at : at + 1]) for at in range(len(batch))])


def graph(path: Path, encoder: Any) -> Forward:
    """An ONNX file on all cores."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = CORES
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    mean, std = (np.array(value, np.float32) for value in (encoder.spec.preprocess.mean, encoder.spec.preprocess.std))

    def forward(batch: UInt8) -> Float32:
        images = ((batch.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
        raw = session.run([OUTPUT], {INPUT: np.ascontiguousarray(images)})[0]
        vectors: Float32 = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return vectors

    return forward


def torch_forward(encoder: Any) -> Forward:
    """The encoder in torch without padding, in batches of what it is given."""
    return lambda batch: encoder.normalised(encoder._run(batch, encoder.image_tower), "image").vectors


def bench(name: str, path: Path, folder: Path) -> None:
    """Print the lines of one encoder."""
    spec = replace(
        resolve(EncoderRequest(name, precision="fp32", device="cpu", random_init=ENCODERS[name])), batch_size=1
    )
    encoder: Any = load(spec, "cpu")
    batch = crops(path, encoder)
    decode, _ = best(partial(crops, path, encoder))
    print(f"\n{name}: decoding, cutting and preprocessing {OBJECTS} objects {decode:.3f} s")
    forward = torch_forward(encoder)
    expected = forward(batch)
    weights = None
    for kind in ("torch fp32", "onnx fp32", "onnx fp16", "onnx int8"):
        size = 0
        if kind != "torch fp32":
            file = folder / "encoder.onnx"
            weights = write_graph(encoder, kind.removeprefix("onnx "), file, {})  # type: ignore[arg-type]
            size, forward = file.stat().st_size, graph(file, encoder)
        together, cores = best(partial(forward, batch))
        singly, all_cores = best(partial(one_by_one, forward, batch))
        cosine = float((forward(batch) * expected).sum(axis=1).min())
        verdict = "within" if decode + together <= TARGET else "beyond"
        print(
            f"  {kind:10}  {f'{size / 1e6:,.1f} MB' if size else '':>10}  per image: {decode + together:.3f} s in one "
            f"pass, {decode + singly:.3f} s in {OBJECTS} ({singly / together:.2f} times the encoding), "
            f"of cores {cores:.3f} and {all_cores:.3f} s; least cosine {cosine:.6f}; {verdict} the plan's {TARGET:g} s",
            flush=True,
        )
    print(f"  weights of the image tower in fp32: {(weights or 0) / 1e6:,.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS))
    names = parser.parse_args().encoders
    torch.set_num_threads(CORES)
    with tempfile.TemporaryDirectory() as place:
        path = photograph(Path(place))
        for name in names:
            bench(name, path, Path(place))


if __name__ == "__main__":
    main()
