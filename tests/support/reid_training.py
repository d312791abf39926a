"""Drawn images with an identity signal, and networks of the job reid on small towers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.types import Int64, UInt8
from tests.support import small_towers, tiny_open_clip
from training.hardware import settings_of
from training.jobs.reid.network import ReidNetwork, build_network
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.samples import ReidSamples
from training.jobs.reid.stages import ImageStage, WordsStage
from training.models.towers import ImageTower, tower_of

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
        self._batches = batches

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


def stages_of(folder: Path, recipe: ReidRecipe, kind: str, **shape: Any) -> Stages:
    """Network and stages of a recipe on a small tower, with drawn samples."""
    tower = tower_of_kind(folder, kind)
    samples = drawn_samples(tower, **{"train": 8, "held_out": 4, "images": 4, **shape})
    two_stages = recipe.two_stages(has_text=tower.text is not None)
    network = build_network(tower, recipe, len(samples.names), two_stages=two_stages)
    hardware = settings_of(recipe.hardware, "cpu")
    image_stage = ImageStage(network, samples, recipe, hardware, two_stages=two_stages)
    return network, [*([WordsStage(network, samples, recipe, hardware)] if two_stages else []), image_stage]
