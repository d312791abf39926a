"""Small worlds that tests are set in: images on disk, stores with vectors, the command line as a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from PIL import Image

from retrieval.store.open import LanceStore, create_store
from retrieval.types import Embeddings, EncoderSpec, Preprocess, SpaceInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]

SMALL_ENCODER = ("--encoder", "torchvision/resnet18", "--random-init", "0", "--preprocess", "resize=32,crop=32")
"""A real encoder that is quick at 32 pixels."""

PIXELS = Preprocess(8, (8, 8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def spec(name: str = "model", precision: Any = "fp32") -> EncoderSpec:
    """Identity of an encoder that no test needs to run."""
    return EncoderSpec("timm", name, "random:0", f"random-init:0:{name}", PIXELS, precision, 8)


def unit(n: int, d: int = 16, seed: int = 0) -> Embeddings:
    """Random unit vectors and their lengths before."""
    raw = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    lengths = np.linalg.norm(raw, axis=1)
    return Embeddings((raw / lengths[:, None]).astype(np.float32), lengths)


def key(name: str) -> str:
    """A content key for a test's own name."""
    return f"{name:0>32}"


def rows(names: Sequence[str], **columns: Any) -> pa.Table:
    """Rows of ``samples`` with ids and keys made from names; a column is one value for all, or a list."""
    n = len(names)
    keys = [key(name) for name in names]
    base: dict[str, Any] = {"id": list(names), "source": ["s"] * n, "uri": [f"{name}.jpg" for name in names]}
    base |= {"content": keys, "crop": ["whole"] * n, "key": keys}
    return pa.table(base | {k: v if isinstance(v, list) else [v] * n for k, v in columns.items()})


def store_with(path: Path, names: Sequence[str], vectors: Embeddings, **columns: Any) -> tuple[LanceStore, SpaceInfo]:
    """A store with one space and these samples."""
    store = create_store(path)
    with store.writer() as writer:
        space = writer.register_space(spec(), vectors.vectors.shape[1], ("base",))
        writer.append_vectors(space, [key(name) for name in names], {"base": vectors})
        writer.append_samples(rows(names, **columns))
        writer.commit("test")
    return store, space


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


def run_cli(
    *args: str | Path, env: dict[str, str] | None = None, check: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``python cli.py ...`` in a process of its own; ``check`` is the exit status it must have."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        cwd=ROOT,
        check=False,
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    return done


def cli_json(*args: str | Path) -> Any:
    """Run a command with ``--json`` and read what it prints."""
    return json.loads(run_cli(*args, "--json").stdout)
