"""A tiny world to train on: coloured squares and discs with captions, and a recipe that takes seconds."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 210), "yellow": (220, 210, 40)}
SHAPES = ("square", "disc", "bar")


def draw(folder: Path, each: int = 5, seed: int = 0) -> Path:
    """``each`` images per colour and shape: the last is for testing, the one before for validation."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "caption", "split"])
        for colour, rgb in COLOURS.items():
            for shape in SHAPES:
                for number in range(each):
                    path = f"images/{colour}-{shape}-{number}.png"
                    Image.fromarray(_picture(rgb, shape, rng)).save(folder / path)
                    split = {each - 1: "test", each - 2: "val"}.get(number, "train")
                    table.writerow([path, f"a photo of a {colour} {shape}", split])
    return folder


def _picture(rgb: tuple[int, int, int], shape: str, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image = rng.integers(90, 140, (40, 40, 3))
    rows, columns = np.mgrid[:40, :40]
    top, left = rng.integers(14, 26, 2)
    inside = {
        "square": (abs(rows - top) < 10) & (abs(columns - left) < 10),
        "disc": (rows - top) ** 2 + (columns - left) ** 2 < 110,
        "bar": abs(rows - top) < 4,
    }[shape]
    image[inside] = rgb
    return image.astype(np.uint8)


def recipe(folder: Path, **loop: Any) -> dict[str, Any]:
    """Four epochs of a transformer with 25 patches, in float32: nothing in it depends on the rest of the batch."""
    return {
        "name": "tiny",
        "sources": {"shapes": {"path": str(folder), "flip": True}},
        "tokens": 600,
        "batch": 12,
        "model": {
            "embed_dim": 16,
            "vision_cfg": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
            "text_cfg": {"context_length": 16, "width": 32, "heads": 2, "layers": 1},
        },
        "pixels": {"size": 40, "stored": 44},
        "loop": {"epochs": 4, "learning_rate": 3e-3, "amp": "off", **loop},
    }
