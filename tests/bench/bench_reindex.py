"""100,000 tiny files: index, index again unchanged, relabel all of them; seconds, and bytes that relabelling adds."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from indexers import jobs
from indexers.api import index

FILES, CONTENTS = 100_000, 64
ENCODER: dict[str, Any] = {"encoder": "torchvision/resnet18", "random_init": 0, "preprocess": ("resize=32,crop=32",)}


def main(files: int = FILES) -> None:
    """Print one line per run."""
    loads: list[str] = []
    real = jobs._load

    def load(spec: object, device: str) -> object:
        loads.append("model")
        return real(spec, device)  # type: ignore[arg-type]

    jobs._load = load  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name) / "images", Path(name) / "s"
        folder.mkdir()
        tiny = []
        for at in range(CONTENTS):
            Image.new("RGB", (8, 8), (at * 3, 255 - at, at)).save(folder / "one.png")
            tiny.append((folder / "one.png").read_bytes())
        (folder / "one.png").unlink()
        for at in range(files):
            (folder / f"{at:06d}.png").write_bytes(tiny[at % CONTENTS])
        for what, label in (("index", "a"), ("again", "a"), ("relabel", "b"), ("again", "b")):
            lines = [f"{at:06d}.png,{label}{at % 169}" for at in range(files)]
            (folder / "m.csv").write_text("\n".join(["filepath,label", *lines]))
            before, loaded = _bytes(store), len(loads)
            start = time.perf_counter()
            report = index(folder / "m.csv", store, quiet=True, **ENCODER)
            seconds = time.perf_counter() - start
            print(
                f"{what:8s}{seconds:8.1f} s  embedded {report.embedded:>4,}  shared content {report.reused:>7,}  "
                f"unchanged {report.unchanged:>7,}  relabelled {report.relabelled:>7,}  models loaded "
                f"{len(loads) - loaded}  store grew {(_bytes(store) - before) / 1e6:6.1f} MB",
                flush=True,
            )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
