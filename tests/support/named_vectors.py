"""Tables of vectors with names, for ``import-vectors``: what the names are changes no vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.support.command_line import call_cli

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DIMENSION = 12


def import_named(folder: Path, rows: Sequence[Mapping[str, str]], centre: Sequence[int], name: str = "") -> str:
    """Import the table ``folder/name/v.csv`` of vectors into the store ``folder/name/v``.

    Args:
        folder: where the table and the store are written.
        rows: names of every sample by column.
        centre: number of the centre that each vector is drawn around.
        name: folder of table and store, whose own names enter the ids of samples.

    Returns:
        What the command said on standard error.
    """
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((max(centre) + 1, DIMENSION))
    columns = list(rows[0])
    lines = [",".join(["filepath", *columns, *(f"v{at}" for at in range(DIMENSION))])]
    for at, (row, number) in enumerate(zip(rows, centre, strict=True)):
        vector = centres[number] + 0.9 * rng.standard_normal(DIMENSION)
        lines.append(",".join([f"{at}.jpg", *(row[key] for key in columns), *(f"{value:.6f}" for value in vector)]))
    path = folder / name / "v.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [word for column in columns for word in (f"--{column}", column)]
    return call_cli(
        "import-vectors", path, "--store", path.with_suffix(""), "--vectors", "v*", "--filepath", "filepath", *words
    ).stderr
