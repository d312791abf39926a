"""Whole commands whose progress stays visible, and raw pixels as a space: what benches and studies compare with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
PIXELS = "pixels"
SIDE = 32
"""Raw pixels are images of so many pixels a side, in colour, less their mean."""

EFFICIENTNET = "weights/efficientnet_b3_mushroom7.safetensors"


def cli(*words: object, store: Path) -> str:
    """What a command prints; its progress stays visible."""
    command = [sys.executable, "cli.py", *map(str, words), "--store", str(store)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return done.stdout


def attach_pixels(root: Path, paths: Sequence[str], source: str, store: Path) -> dict[str, str]:
    """Import small colour images of files as a space of their own; its name and title."""
    file = store.parent / f"{store.name}.npz"
    vectors = np.stack([_raw(root / path) for path in paths])
    np.savez(file, vectors=vectors, filepath=np.array(paths))
    columns = ("--vectors", "vectors", "--filepath", "filepath")
    cli("import-vectors", file, "--attach", source, *columns, "--space-name", PIXELS, store=store)
    return {PIXELS: "raw pixels"}


def _raw(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as image:
        small = ImageOps.pad(image.convert("RGB"), (SIDE, SIDE), color=(255, 255, 255))
    values: NDArray[np.float32] = np.asarray(small, np.float32).ravel()
    return values - np.float32(values.mean())
