"""Indexing beside its parts, and beside open_clip's fp32 model in a DataLoader loop, over the same JPEGs.

``index/parts`` is (decode alone + bare forward alone) / index: 1.0 means that the pipeline costs nothing. It is given
in wall time, and in processor time (user + system), which tells where other jobs were in the way. ``index/usual`` is
how many times more images per second than the loop people run today. The encoder is loaded before; start-up is a row of
its own. All takes about 17 minutes on two cores; ``--sides``, ``--images`` and ``--rounds`` choose less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from indexers.pipeline.decode import decode, open_image
from indexers.pipeline.embed import index
from indexers.pipeline.report import IndexOptions
from indexers.sources.registry import open_source
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.store.open import create_store
from retrieval.types import EncoderSpec, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from retrieval.encoders.torch_encoder import TorchEncoder

ROOT = Path(__file__).parents[2]
THREADS = os.cpu_count() or 2
SIDES = (180, 640, 1600)
IMAGES = 2000
PART = 400
"""Images over which decoding and the forward pass are measured; their times are in proportion to the images."""

USUAL = 128
DISTINCT = 64
"""Pictures that are drawn; the others are their copies with another comment, which takes as long to decode."""


class Cost(NamedTuple):
    """Wall and processor seconds of so many images."""

    wall: float
    processor: float

    def of(self, measured: int, images: int) -> Cost:
        """Return the cost in proportion to other images."""
        return Cost(self.wall * images / measured, self.processor * images / measured)


def cost(work: Callable[[], object]) -> Cost:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def photographs(folder: Path, side: int, n: int) -> list[Path]:
    """Write n JPEGs of natural smoothness (blurred noise at several scales), 4:3, quality 90."""
    rng = np.random.default_rng(side)
    height = side * 3 // 4
    (folder / "x").mkdir(parents=True)
    layers = [Image.fromarray(rng.integers(0, 256, (height // s, side // s, 3), dtype=np.uint8)) for s in (2, 8, 32)]
    smooth = [layer.resize((side, height)).filter(ImageFilter.BoxBlur(1)) for layer in layers]
    base = np.mean([np.asarray(layer, np.float32) for layer in smooth], axis=0)
    paths = [folder / "x" / f"{at:05d}.jpg" for at in range(n)]
    for at, path in enumerate(paths[:DISTINCT]):
        shifted = np.roll(base, (7 * at, 13 * at), axis=(0, 1)) + rng.integers(-6, 7)
        Image.fromarray(np.clip(shifted, 0, 255).astype(np.uint8)).save(path, quality=90)
    for at, path in enumerate(paths[DISTINCT:]):
        data = paths[at % DISTINCT].read_bytes()
        path.write_bytes(data[:2] + b"\xff\xfe\x00\x0a%08d" % at + data[2:])  # a comment after the first marker
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
    images: Any = Images(sorted(folder.rglob("*.jpg"))[:USUAL], transform)
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in DataLoader(images, batch_size=32, num_workers=THREADS):
            torch.nn.functional.normalize(model.encode_image(batch), dim=-1)
    return time.perf_counter() - start


def usual_seconds(folder: Path) -> float:
    """The usual loop in a process of its own: its workers fork, which a process with a store open should not."""
    command = [sys.executable, __file__, "--usual", str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def decode_all(paths: list[Path], spec: EncoderSpec) -> None:
    """Read, decode, hash, preprocess and make thumbnails, on all cores, with nothing else running."""
    pixels = spec.preprocess
    assert pixels is not None
    with ThreadPoolExecutor(THREADS) as pool:
        list(
            pool.map(
                lambda path: decode(open_image(path.read_bytes()), Sample("", ""), pixels, thumbnail=True).key, paths
            )
        )


def forward_all(encoder: TorchEncoder, n: int) -> None:
    """The bare model over prepared batches, every pass on all cores."""
    import torch

    size, (height, width) = encoder.spec.batch_size, encoder._pixels.crop
    kind = torch.bfloat16 if encoder.spec.precision == "bf16" else torch.float32
    batch = torch.randn(size, 3, height, width).to(kind)
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(n // size):
            encoder._forward(batch)


def index_all(folder: Path, store: Path, spec: EncoderSpec, encoder: Any) -> None:
    with create_store(store).writer() as writer:
        report = index(open_source(folder), writer, spec, lambda: encoder, IndexOptions(quiet=True))
    assert not report.failures


def measure(paths: list[Path], store: Path, spec: EncoderSpec, encoder: Any) -> tuple[Cost, Cost, Cost, float]:
    """One round of all, one after the other, so that a slow moment of the machine hits all."""
    folder, n = paths[0].parents[1], len(paths)
    part = min(PART, n)
    forward = cost(lambda: forward_all(encoder, part)).of(part, n)
    whole = cost(lambda: index_all(folder, store, spec, encoder))
    decoding = cost(lambda: decode_all(paths[:part], spec)).of(part, n)
    return whole, decoding, forward, usual_seconds(folder) * n / min(USUAL, n)


def start_up(folder: Path, store: Path, encoder: str) -> tuple[float, float]:
    """Seconds from the start of ``index`` to its first line, and to its end with one image to embed."""
    command = [sys.executable, str(ROOT / "cli.py"), "index", str(folder), "--store", str(store)]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "--encoder", encoder, "--random-init", "0"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        process.stderr.readline()
        first = time.perf_counter() - start
        process.stderr.read()
    assert process.returncode == 0
    return first, time.perf_counter() - start


def spread(values: list[float]) -> str:
    return f"{np.median(values):5.2f} ({min(values):.2f}-{max(values):.2f})"


def main(arguments: tuple[str, ...] = ()) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default=",".join(map(str, SIDES)), help="longer sides of images, in pixels")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", default="open_clip/ViT-B-32")
    chosen = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(THREADS)
    spec = resolve(EncoderRequest(chosen.encoder, random_init=0))
    encoder = load(spec)
    print(f"{chosen.encoder}, {spec.precision}, {THREADS} threads, {chosen.images:,} images; images/s, ratios: median")
    print("side    index   decode  forward   usual   index/parts (spread)   of processor time   index/usual")
    with tempfile.TemporaryDirectory() as name:
        for side in map(int, chosen.sides.split(",")):
            paths = photographs(Path(name) / str(side), side, chosen.images)
            rounds = [measure(paths, Path(name) / f"s{side}-{turn}", spec, encoder) for turn in range(chosen.rounds)]
            walls = np.median([[r[0].wall, r[1].wall, r[2].wall, r[3]] for r in rounds], axis=0)
            print(
                f"{side:4d}{''.join(f'{chosen.images / seconds:9.1f}' for seconds in walls)}",
                spread([(r[1].wall + r[2].wall) / r[0].wall for r in rounds]),
                spread([(r[1].processor + r[2].processor) / r[0].processor for r in rounds]),
                spread([r[3] / r[0].wall for r in rounds]),
                sep="   ",
                flush=True,
            )
        photographs(Path(name) / "one", 180, 1)
        starts = [
            start_up(Path(name) / "one", Path(name) / f"one-{turn}", chosen.encoder) for turn in range(chosen.rounds)
        ]
        first, whole = (spread(list(seconds)) for seconds in zip(*starts, strict=True))
        print(f"start-up: first line after {first} s, one image after {whole} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--usual"]:
        print(usual_loop(Path(sys.argv[2])))
    else:
        main(tuple(sys.argv[1:]))
