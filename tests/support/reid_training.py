"""Drawn images with an identity signal, and networks of the job reid on small towers.

``python -m tests.support.reid_training OUT`` trains them in one of several processes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.types import Int64, UInt8
from tests.support import small_towers, tiny_open_clip
from tests.support.shared_training import divided
from training.hardware import settings_of
from training.jobs.reid.network import ReidNetwork, build_network
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.samples import ReidSamples
from training.jobs.reid.stages import ImageStage, WordsStage
from training.learner import Learner
from training.loop import fit
from training.models.towers import ImageTower, tower_of
from training.processes import joined_processes, rank, share_of
from training.run_settings import RunSettings

Stages = tuple[ReidNetwork, list[WordsStage | ImageStage]]


LONG_TEXT = {**small_towers.TEXT, "context_length": 32}
"""A text tower that the longest template of a recipe fits into, with 12 words."""


def tower_of_kind(folder: Path, kind: str) -> ImageTower:
    """A small CLIP (vit, resnet) with a text tower that reads long texts, or another network."""
    small_towers.register(folder)
    if kind not in {"vit", "resnet"}:
        return small_towers.tower(kind)
    config = small_towers.VIT if kind == "vit" else small_towers.RESNET
    tiny_open_clip.register(folder, f"reid-{kind}", {**config, "text_cfg": LONG_TEXT})
    return tower_of(
        resolve(EncoderRequest(f"open_clip/reid-{kind}", random_init=1, precision="fp32", device="cpu")), "cpu"
    )


def drawn(identities: int, images: int, side: tuple[int, int], seed: int = 0) -> tuple[UInt8, Int64]:
    """Images of a square on a background: its colour is that of the identity, the background is random."""
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(identities), images)
    colour = rng.uniform(30, 225, (identities, 3))
    height, width = side
    pixels = np.empty((len(identity), height, width, 3))
    pixels[:] = rng.uniform(60, 195, (len(identity), 1, 1, 3))
    pixels[:, height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = colour[identity][:, None, None]
    return (pixels + rng.normal(0, 8, pixels.shape)).clip(0, 255).astype(np.uint8), identity


class DrawnImages:
    """Pixels of drawn images, without augmentation."""

    def __init__(self, pixels: UInt8) -> None:
        self._pixels = pixels

    def begin(self, epoch: int, batches: Sequence[Int64]) -> None:
        self._batches: list[Int64] = [share_of(batch) for batch in batches]

    def batch(self, number: int) -> UInt8:
        return self._pixels[self._batches[number]]

    def plain(self, rows: Int64) -> UInt8:
        return self._pixels[rows]


def drawn_samples(tower: Any, train: int, held_out: int, images: int, *, shuffled: bool = False) -> ReidSamples:
    """Samples of ``train`` identities to train on, and of others; shuffled, identities say nothing of the images."""
    pixels, identity = drawn(train + held_out, images, tower.side)
    rows = np.flatnonzero(identity < train)
    numbers = np.where(identity < train, identity, -1)
    if shuffled:
        rng = np.random.default_rng(1)
        numbers[rows] = rng.permutation(numbers[rows])
        identity = np.concatenate([identity[rows], rng.permutation(identity[len(rows) :])])
    return ReidSamples(
        ids=[f"image {row}" for row in range(len(identity))],
        images=DrawnImages(pixels),
        preprocess=tower.spec.preprocess,
        identity=numbers,
        held_out_identity=identity,
        train=rows,
        held_out=np.flatnonzero(identity >= train),
        names=tuple(str(name) for name in range(train)),
    )


def stages_of(folder: Path, recipe: ReidRecipe, kind: str, keep: Path | None = None, **shape: Any) -> Stages:
    """Network and stages of a recipe on a small tower, with drawn samples; frozen layers are kept in ``keep``."""
    tower = tower_of_kind(folder, kind)
    samples = drawn_samples(tower, **{"train": 8, "held_out": 4, "images": 4, **shape})
    two_stages = recipe.two_stages(has_text=tower.text is not None)
    network = build_network(tower, recipe, len(samples.names), two_stages=two_stages)
    hardware = settings_of(recipe.hardware, "cpu")
    image_stage = ImageStage(network, samples, recipe, hardware, two_stages=two_stages, out=keep)
    return network, [*([WordsStage(network, samples, recipe, hardware)] if two_stages else []), image_stage]


DIVIDED: dict[str, Any] = {
    "prompt_stage": {"epochs": 1, "batch": 13, "rate": 1e-2},
    "image_stage": {
        "epochs": 1,
        "identities": 3,
        "images": 3,
        "max_norm": 1.0,
        "rates": {"visual": 1e-4, "heads": 1e-3, "text": 1e-4},
    },
    "losses": {"supcon": 1, "i2t": 1, "arcface": 1, "center": 0.5, "center_form": "wen"},
    "prompts": {"templates": ["{} hand image.", "An image showing a {}."], "normalise": True},
    "hardware": {"amp": "off"},
}
"""A recipe with all losses, whose batches do not divide by two."""

ALONE: dict[str, Any] = {
    "stages": "images",
    "image_stage": {**DIVIDED["image_stage"], "unfreeze": 1, "cache_frozen": True},
    "losses": {"center": 0.5},
    "hardware": {"amp": "off"},
}
"""Images alone, on frozen layers that are kept."""


def train_divided(out: Path) -> None:
    """Train both recipes in this process, which may be one of several; the first writes to ``out``."""
    import torch

    torch.set_num_threads(1)
    with joined_processes("cpu"):
        for name, values in (("two", DIVIDED), ("images", ALONE)):
            folder = out / name if rank() == 0 else out / f"{name}-{rank()}"
            folder.mkdir(parents=True)
            network, stages = stages_of(folder, ReidRecipe.read(values, "recipe"), "vit", keep=folder)
            fit(Learner(network.module, "mean_ap", stages), folder, seed=3, run=RunSettings(quiet=True))


if __name__ == "__main__":
    repair_torchvision()
    import open_clip  # noqa: F401 - before the fork
    import pytorch_metric_learning.losses  # noqa: F401

    divided(lambda: train_divided(Path(sys.argv[1])))
