"""Data sets of YOLO whose objects are squares of two colours on grey, for training a detector in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"red square": (230, 40, 40), "blue square": (40, 60, 230)}
SIDE = 64


def draw_squares(folder: Path, *, train: int = 48, val: int = 12, names: str = "") -> Path:
    """Draw a data set; an image has one to three squares that do not touch, and some noise."""
    rng = np.random.default_rng(5)
    for split, count in {"train": train, "val": val}.items():
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for number in range(count):
            pixels, lines = _image(rng)
            Image.fromarray(pixels).save(folder / split / "images" / f"{number:03d}.png")
            (folder / split / "labels" / f"{number:03d}.txt").write_text("\n".join(lines))
    names = names or str(list(COLOURS))
    (folder / "data.yaml").write_text(f"train: train/images\nval: val/images\nnames: {names}\n")
    return folder


def _image(rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    pixels = rng.integers(110, 140, (SIDE, SIDE, 3)).astype(np.uint8)
    lines = []
    for left, top in rng.permutation([(0, 0), (32, 0), (0, 32), (32, 32)])[: rng.integers(1, 4)].tolist():
        side, kind = int(rng.integers(14, 26)), int(rng.integers(2))
        x, y = (int(at + rng.integers(0, 32 - side)) for at in (left, top))
        pixels[y : y + side, x : x + side] = list(COLOURS.values())[kind]
        lines.append(f"{kind} {(x + side / 2) / SIDE} {(y + side / 2) / SIDE} {side / SIDE} {side / SIDE}")
    return pixels, lines


def squares_recipe(folder: Path, *, epochs: int, **changes: Any) -> dict[str, Any]:
    """A recipe of the job ``detector`` for such a data set."""
    return {
        "name": "squares",
        "sources": {"squares": {"path": str(folder)}},
        "size": SIDE,
        "batch": 12,
        "model": {"widths": [8, 12, 16, 16, 16], "neck": 16},
        "augmentation": {"scale": [0.8, 1.2]},
        "loop": {"epochs": epochs, "learning_rate": 0.01, "weight_decay": 0.01, "clip_norm": 10.0, "ema": 0.8},
    } | changes
