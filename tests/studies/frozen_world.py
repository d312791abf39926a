"""Draws the sample world that trained encoders are measured on, and checks that it is the one that was frozen.

    python -m tests.studies.frozen_world            draw, check, and print the digests
    python -m tests.studies.frozen_world record     write the means of blocks again: the world is another one then

The world is drawn in a temporary folder, in a minute on two cores. Exit status 1: it is another world.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.support.frozen_world import (
    BLOCKS,
    TOLERANCE,
    WORLD,
    block_means,
    frozen_blocks,
    pixels_digest,
    tables_digest,
)


def check() -> bool:
    """Draw all parts and print a line for each; return whether all are as they were."""
    same = True
    with tempfile.TemporaryDirectory() as place:
        for name, part in WORLD.items():
            folder = Path(place) / name
            part.draw(folder)
            tables, pixels = tables_digest(folder), pixels_digest(folder)
            blocks = np.array([block_means(image) for image in part.render()])
            off = float(np.abs(blocks - np.array(frozen_blocks()[name])).max())
            verdicts = (tables == part.tables, pixels in part.pixels, off <= TOLERANCE)
            print(f"{name}: tables {tables} {'as frozen' if verdicts[0] else 'ANOTHER'}")
            print(f"{name}: pixels {pixels} {'as frozen' if verdicts[1] else 'of another processor or JPEG encoder'}")
            print(f"{name}: means of blocks differ by at most {off:.3f} {'as frozen' if verdicts[2] else 'ANOTHER'}")
            same &= verdicts[0] and verdicts[2]
    return same


def record() -> None:
    """Write the means of blocks."""
    blocks = {name: [block_means(image) for image in part.render()] for name, part in WORLD.items()}
    lines = [
        f' "{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]" for name, rows in blocks.items()
    ]
    BLOCKS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record()
    sys.exit(0 if check() else 1)
