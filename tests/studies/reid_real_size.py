"""Builds the real ViT-B/16 and RN50 of the report's recipes once each, and takes a step of batch 2 in both stages.

``python -m tests.studies.reid_real_size [RECIPE ...]``; weights and images are random. Prints what is trained, the
processor time of a step, and the largest memory of the process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RECIPES = ("hands/v5_vitb16", "hands/v10_rn50")


def main(names: list[str]) -> None:
    """Measure every recipe in a process of its own."""
    if len(names) == 1:
        measure(names[0])
        return
    for name in names or RECIPES:
        subprocess.run([sys.executable, "-m", "tests.studies.reid_real_size", name], check=True)


def measure(name: str) -> None:
    """Build the network of a recipe, take a step of each stage, and print the measurements."""
    from retrieval.encoders.registry import resolve
    from retrieval.encoders.request import EncoderRequest
    from retrieval.types import SpaceInfo
    from tests.support.reid_training import drawn_samples
    from training.config import read_recipe, validate_recipe
    from training.hardware import settings_of
    from training.jobs.reid.job import tower_for
    from training.jobs.reid.network import build_network
    from training.jobs.reid.recipe import ReidRecipe
    from training.jobs.reid.samples import ReidBatch
    from training.jobs.reid.stages import ImageStage, WordsStage
    from training.schedule import Moment

    recipe = validate_recipe(ReidRecipe, read_recipe(Path(name)), name)
    request = EncoderRequest(f"open_clip/{recipe.backbone}-quickgelu", random_init=0, precision="fp32", device="cpu")
    spec = resolve(request)
    space = SpaceInfo(spec.fingerprint, "real", spec, 1, ("base",), "2026-01-01T00:00:00Z")
    tower = tower_for(recipe, space, "cpu")
    samples = drawn_samples(tower, train=2, held_out=2, images=2)
    network = build_network(tower, recipe, 2, two_stages=True)
    hardware = settings_of(recipe.hardware, "cpu")
    print(f"{name}: {spec.model}, {tower.side[0]} x {tower.side[1]} pixels, {hardware.precision}")
    for stage in (
        WordsStage(network, samples, recipe, hardware),
        ImageStage(network, samples, recipe, hardware, two_stages=True),
    ):
        groups = stage.begin().groups()
        rows = np.array([0, 2]) if isinstance(stage, ImageStage) else np.array([0, 1])
        samples.images.begin(0, [rows])
        network.module.train()
        start = time.process_time()
        losses = stage.step(ReidBatch(0, 0, rows, np.arange(2)), Moment(0, 30, 0, 1))
        seconds = time.process_time() - start
        trained = ", ".join(f"{group.name} {group.numbers:,} at {group.rate:g}" for group in groups)
        parts = ", ".join(f"{part} {value:.3g}" for part, value in losses.items())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"  {stage.name}: {trained}; {parts}; {seconds:.1f} s of processor time, {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
