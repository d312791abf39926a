"""Image vectors that prompts can learn to tell apart, as training data of the space of vitrine-tiny."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.types import Bank, Embeddings, SpaceInfo
from training.data.training_data import TrainingData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Float32

NAMES = ("Cru", "Lovam", "Tib", "Zofi")
LOOKS = ("red", "white", "brown", "blue")
"""What the images of the classes show; their names do not say it."""


@cache
def tiny() -> Any:
    """The encoder vitrine-tiny, loaded once."""
    return load(resolve(EncoderRequest("open_clip/vitrine-tiny", precision="fp32", device="cpu")), "cpu")


def tiny_space() -> SpaceInfo:
    """Its space."""
    spec = tiny().spec
    return SpaceInfo(spec.fingerprint, "vitrine-tiny", spec, 160, ("base",), "2026-11-29T00:00:00")


def caption_vectors(texts: Sequence[str], n: int, noise: float, seed: int) -> Float32:
    """Noisy vectors (texts * n, d) of texts, n after each other of each; they stand for images."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(tiny().encode_texts(texts).vectors, n, axis=0)
    noisy = vectors + noise * rng.standard_normal(vectors.shape) / np.sqrt(vectors.shape[1])
    return cast("Float32", (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32))


def prompt_data(
    texts: Sequence[str],
    names: Sequence[str] = NAMES,
    *,
    train: int = 8,
    val: int = 8,
    noise: float = 0.5,
    seed: int = 0,
    banks: tuple[Bank, ...] = (),
) -> TrainingData:
    """Training data of classes whose images show what the texts say: ``train`` and ``val`` samples of each."""
    vectors = [caption_vectors(texts, n, noise, seed + at) for at, n in enumerate((train, val))]
    target = np.concatenate([np.repeat(np.arange(len(texts)), n) for n in (train, val)])
    role = np.repeat(["train", "val"], [train * len(texts), val * len(texts)])
    ids = np.array([f"id{at}" for at in range(len(target))])
    stacked = np.concatenate(vectors)
    return TrainingData(
        ids=ids,
        keys=ids,
        classes=tuple(names),
        target=target.astype(np.int64),
        role=role,
        columns={},
        space=tiny_space(),
        vectors={"base": Embeddings(stacked, np.ones(len(stacked), np.float32))},
        banks=banks,
    )
