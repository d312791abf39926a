"""Small images on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


def write_images(folder: Path, n: int, size: int = 24, seed: int = 0) -> list[Path]:
    """Draw n different small JPEGs: folder/<label>/<number>.jpg, three labels."""
    rng = np.random.default_rng(seed)
    paths = []
    for at in range(n):
        path = folder / f"class{at % 3}" / f"{at:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths


def draw_images(root: Path, *uris: str) -> Path:
    """Draw a different small image at each path below a folder."""
    for at, uri in enumerate(uris):
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(at).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((24, 24), Image.Resampling.BICUBIC).save(root / uri)
    return root
