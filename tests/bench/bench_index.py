"""Indexing beside its parts, and beside open_clip's fp32 model in a DataLoader loop, over the same JPEGs.

``index / parts`` is (decode alone + bare forward alone) / index: 1.0 means that the pipeline costs nothing.
``index / usual`` is how many times more images per second than the loop people run today.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from indexers.pipeline.decode import decode
from indexers.pipeline.embed import index
from indexers.pipeline.report import IndexOptions
from indexers.sources.registry import open_source
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.store.open import create_store
from retrieval.types import WHOLE, EncoderSpec

if TYPE_CHECKING:
    from retrieval.encoders.torch_encoder import TorchEncoder

THREADS = os.cpu_count() or 2
SIZES = {180: 512, 640: 384, 1600: 192}
"""Longer side in pixels to number of images."""


def photographs(folder: Path, side: int, n: int) -> list[Path]:
    """Write n JPEGs of natural smoothness (blurred noise at several scales), 4:3, quality 90."""
    rng = np.random.default_rng(side)
    height = side * 3 // 4
    (folder / "x").mkdir(parents=True)
    layers = [Image.fromarray(rng.integers(0, 256, (height // s, side // s, 3), dtype=np.uint8)) for s in (2, 8, 32)]
    smooth = [layer.resize((side, height)).filter(ImageFilter.BoxBlur(1)) for layer in layers]
    base = np.mean([np.asarray(layer, np.float32) for layer in smooth], axis=0)
    paths = []
    for at in range(n):
        path = folder / "x" / f"{at:05d}.jpg"
        shifted = np.roll(base, (7 * at, 13 * at), axis=(0, 1)) + rng.integers(-6, 7)
        Image.fromarray(np.clip(shifted, 0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(path)
    return paths


class Images:
    """The data set of the usual loop: open, convert, transform."""

    def __init__(self, paths: list[Path], transform: Any) -> None:
        self._paths, self._transform = paths, transform

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, at: int) -> Any:
        return self._transform(Image.open(self._paths[at]).convert("RGB"))


def usual_loop(folder: Path) -> float:
    """Seconds of what scripts do: a DataLoader with workers, float32, batches of 32. The model is loaded before."""
    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    import open_clip
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(THREADS)
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    model.eval()
    images: Any = Images(sorted(folder.rglob("*.jpg")), transform)
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in DataLoader(images, batch_size=32, num_workers=THREADS):
            torch.nn.functional.normalize(model.encode_image(batch), dim=-1)
    return time.perf_counter() - start


def usual_seconds(folder: Path) -> float:
    """The usual loop in a process of its own: its workers fork, which a process with a store open should not."""
    command = [sys.executable, "-m", "tests.bench.bench_index", str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def decode_seconds(paths: list[Path], spec: EncoderSpec) -> float:
    """Read, decode, hash, preprocess and make thumbnails, on all cores, with nothing else running."""
    pixels = spec.preprocess
    assert pixels is not None
    with ThreadPoolExecutor(THREADS) as pool:
        start = time.perf_counter()
        list(pool.map(lambda path: decode(path.read_bytes(), WHOLE, None, pixels, thumbnail=True).key, paths))
        return time.perf_counter() - start


def forward_seconds(encoder: TorchEncoder, n: int) -> float:
    """The bare model over prepared batches."""
    import torch

    size, (height, width) = encoder.spec.batch_size, encoder._pixels.crop
    kind = torch.bfloat16 if encoder.spec.precision == "bf16" else torch.float32
    batch = torch.randn(size, 3, height, width).to(kind)
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        encoder._forward(batch)
        start = time.perf_counter()
        for _ in range(n // size):
            encoder._forward(batch)
        seconds = time.perf_counter() - start
    return seconds * n / (n // size * size)


def main() -> None:
    """Print one table."""
    import torch

    torch.set_num_threads(THREADS)
    spec = resolve(EncoderRequest("open_clip/ViT-B-32", random_init=0))
    encoder = load(spec)
    print(f"ViT-B/32, precision {spec.precision}, {THREADS} threads; images/s")
    print("side    index   decode  forward   usual   index/parts   index/usual")
    with tempfile.TemporaryDirectory() as name:
        for side, n in SIZES.items():
            paths = photographs(Path(name) / str(side), side, n)
            rounds = [measure(paths, Path(name) / f"s{side}-{turn}", spec, encoder) for turn in range(3)]
            index_s, decode_s, forward_s, usual_s = np.median(rounds, axis=0)
            parts = np.median([(r[1] + r[2]) / r[0] for r in rounds])
            ratio = np.median([r[3] / r[0] for r in rounds])
            speeds = "".join(f"{n / s:9.1f}" for s in (index_s, decode_s, forward_s, usual_s))
            print(f"{side:4d}{speeds}{parts:12.2f}{ratio:14.2f}", flush=True)


def measure(paths: list[Path], store: Path, spec: EncoderSpec, encoder: Any) -> tuple[float, float, float, float]:
    """One round of all four, one after the other, so that a slow moment of the machine hits all."""
    with create_store(store).writer() as writer:
        start = time.perf_counter()
        index(open_source(paths[0].parents[1]), writer, spec, lambda: encoder, IndexOptions(quiet=True))
        index_s = time.perf_counter() - start
    usual_s = usual_seconds(paths[0].parents[1])
    return index_s, decode_seconds(paths, spec), forward_seconds(encoder, len(paths)), usual_s


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(usual_loop(Path(sys.argv[1])))
    else:
        main()
