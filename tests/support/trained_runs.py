"""Stores with a parent space, and folders as training runs leave them, with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from retrieval.encoders.adapter import parent_json
from retrieval.encoders.adapter_encoder import adapter_model
from retrieval.store.open import open_store
from retrieval.types import Preprocess, SpaceInfo
from tests.support.command_line import SMALL_ENCODER, call_cli
from tests.support.images import draw_images
from training.export import TrainingRecord, write_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Float32

PIXELS = Preprocess(32, (32, 32), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
CLASSES = ("ash", "elm", "oak")


def uris(n: int, start: int = 0) -> list[str]:
    """Paths of n images of three classes in the splits train, val and test, 3 : 1 : 2."""
    splits = ("train", "train", "train", "val", "test", "test")
    return [f"{splits[at // 3 % 6]}/{CLASSES[at % 3]}/{at:04d}.png" for at in range(start, start + n)]


def drawn_store(folder: Path, n: int = 36, *options: str) -> SpaceInfo:
    """A store ``s`` of n images in the folder ``images``; return its space."""
    draw_images(folder / "images", *uris(n))
    index_images(folder, *SMALL_ENCODER, *options)
    return spaces(folder)[0]


def index_images(folder: Path, *options: str) -> None:
    """Index the folder ``images`` into the store ``s``."""
    call_cli("index", folder / "images", "--levels", "split/label", "--store", folder / "s", *options)


def spaces(folder: Path) -> tuple[SpaceInfo, ...]:
    """The spaces of the store."""
    with open_store(folder / "s").snapshot() as snapshot:
        return snapshot.spaces


def vectors(folder: Path, space: SpaceInfo) -> dict[str, bytes]:
    """Vectors of a space as bytes, all views, by key."""
    with open_store(folder / "s").snapshot() as snapshot:
        rows = snapshot.read(f"vectors_{space.fingerprint}").to_pylist()
    return {row.pop("key"): repr(sorted(row.items())).encode() for row in rows}


def record(parent: SpaceInfo | None, job: str = "classifier", target: str = "label", **data: Any) -> TrainingRecord:
    """The record of a run."""
    return TrainingRecord(job, {"data": data}, parent, target, CLASSES, 1, {"top_1": 0.5})


def classifier_run(out: Path, parent: SpaceInfo | None, classes: int = 3, seed: int = 0, **given: Any) -> Path:
    """A run that left a small timm model with a classifier."""
    import timm

    torch.manual_seed(seed)
    weights = timm.create_model("test_vit", num_classes=classes, img_size=32).state_dict()
    write_encoder(out, record(parent, **given), family="timm", model="test_vit", preprocess=PIXELS, weights=weights)
    return out


def adapter_run(out: Path, parent: SpaceInfo, seed: int = 0, d: int | None = None, view: str = "base") -> Path:
    """A run that left a linear adapter of a space."""
    size = parent.dimension
    matrix = np.eye(d or size, size) + 0.05 * np.random.default_rng(seed).standard_normal((d or size, size))
    write_encoder(
        out, record(parent, "adapter"), family="adapter", model=adapter_model(parent.spec, "rla"), preprocess=PIXELS,
        weights={"matrix": torch.from_numpy(matrix.astype(np.float32))},
        files={"parent.json": parent_json(parent.spec, view)},
    )  # fmt: skip
    return out


def matrix_of(out: Path) -> Float32:
    """The matrix of an adapter's run."""
    from safetensors.numpy import load_file

    matrix: Float32 = load_file(out / "encoder" / "weights.safetensors")["matrix"]
    return matrix
