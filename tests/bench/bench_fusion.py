"""A fusion study of 169 species at full size beside a loop over images, classes and prompts; seconds and memory.

`eval --mode fusion` of a simulated CLIP with all prompts and a simulated ResNet: 8 temperatures of pooling and 11
alphas chosen on 15,616 val images, both arms calibrated there, answers, intervals and gains on 15,614 test images.
The vectors are in the store before; the command starts from nothing, as a user's does.

The loop is our own straightforward version of how such studies are usually scripted: image by image, class by class, a
softmax over the prompts of the class. It is timed on a hundred images and scaled; it has no intervals, no calibration.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.scorers.pooling import SWEPT_TEMPERATURES
from tests.support.species_study import ARMS, FILES, Study, lance_store, study

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("prompts.pool=softmax", "prompts.temperature=sweep", "calibrate=true")
LOOPED = 100


def ours(store: Path) -> tuple[float, float, Any]:
    """Seconds, peak memory in GB and the result of the whole command."""
    arms = [word for arm in ARMS for word in ("--arm", arm)]
    options = [word for option in OPTIONS for word in ("-o", option)]
    command = [sys.executable, "cli.py", "eval", "--mode", "fusion", "--store", str(store), *arms, *options, "--json"]
    start = time.perf_counter()
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return seconds, peak / 1e9, json.loads(said)


def loop(world: Study) -> tuple[float, float]:
    """Seconds per image of one temperature of the text arm, and of eleven mixtures with the other arm."""
    prompts = [world.text_vectors[world.edges[world.edges[:, 1] == code, 0]] for code in range(len(world.classes))]
    images = np.random.default_rng(0).permutation(len(world.labels))[:LOOPED]
    pooling = mixing = 0.0
    for image in images:
        start = time.perf_counter()
        scores = np.array([_pooled(world.clip[image], texts, SWEPT_TEMPERATURES[0]) for texts in prompts])
        between = time.perf_counter()
        first, second = _softmax(100 * scores), _softmax(world.weights @ world.resnet[image] + world.bias)
        for alpha in np.linspace(0, 1, 11):
            np.argsort(-((1 - alpha) * first + alpha * second))
        pooling += between - start
        mixing += time.perf_counter() - between
    return pooling / LOOPED, mixing / LOOPED


def _pooled(image: NDArray[np.float32], texts: NDArray[np.float32], temperature: float) -> float:
    similarities = texts @ image
    return float(_softmax(similarities / temperature) @ similarities)


def _softmax(values: NDArray[np.floating]) -> NDArray[np.floating]:
    exponentials = np.exp(values - values.max())
    probs: NDArray[np.floating] = exponentials / exponentials.sum()
    return probs


def main() -> None:
    """Print the study's seconds, memory and figures, and what the loop would take."""
    world = study(files=FILES if FILES.is_dir() else None)
    val, test = ((world.role == role).sum() for role in ("val", "test"))
    print(
        f"{val:,} val + {test:,} test images, {len(world.classes)} classes, {len(world.edges):,} prompts "
        f"({len(world.texts):,} texts), {os.cpu_count()} cores"
    )
    with TemporaryDirectory() as folder:
        lance_store(world, Path(folder) / "store")
        seconds, memory, result = ours(Path(folder) / "store")
    print(f"eval --mode fusion  {seconds:7.1f} s  {memory:5.2f} GB", flush=True)
    arms = result["arms"]
    for name, figures in (*((name, arm["metrics"]) for name, arm in arms.items()), ("fusion", result["metrics"])):
        low, high = figures["top_1"]["ci95"]
        print(f"  {name:12} top-1 {figures['top_1']['value']:.3f} [{low:.3f}, {high:.3f}]")
    temperatures = {name: round(arm["calibration"]["temperature"], 3) for name, arm in arms.items()}
    print(f"  chosen {result['chosen']['settings'][0]}, temperatures {temperatures}")
    pooling, mixing = loop(world)
    whole = pooling * (len(SWEPT_TEMPERATURES) * val + test) + mixing * (val + test)
    print(f"image by image      {whole:7.1f} s, scaled from {LOOPED} images; {whole / seconds:.1f} times as long")


if __name__ == "__main__":
    main()
