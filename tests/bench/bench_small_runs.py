"""Many small index runs: processor time of each, files that the newest commit refers to, and all files of the store.

``python -m tests.bench.bench_small_runs [--runs 300]`` indexes one new image in each run. After the last one, old
versions are removed as if an hour had passed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from retrieval.store import lance
from retrieval.store.open import open_store
from vitrine import index


def referenced_files(store: Path) -> int:
    """Return the number of files of the newest commit."""
    with open_store(store).snapshot() as snapshot:
        return sum(len(files) for files in snapshot.commit.files.values())


def all_files(store: Path) -> int:
    """Return the number of files in the folder of a store."""
    return sum(1 for path in store.rglob("*") if path.is_file())


def add_image(folder: Path, number: int) -> None:
    """Draw one more image into ``folder/oak``."""
    pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    (folder / "oak").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "oak" / f"{number:05d}.png")


def index_once(folder: Path, store: Path) -> float:
    """Index a folder; return the seconds of processor time that it took."""
    start = time.process_time()
    index(folder, store, encoder="timm/test_resnet", random_init=0, source="folder", quiet=True)
    return time.process_time() - start


def main() -> None:
    """Run the benchmark and print one line for every 50 runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name) / "images", Path(name) / "store"
        seconds: list[float] = []
        most = 0
        for number in range(runs):
            add_image(folder, number)
            seconds.append(index_once(folder, store))
            most = max(most, referenced_files(store))
            if (number + 1) % 50 == 0 or number + 1 == runs:
                cost = f"{median(seconds[-50:]):.2f} s of processor time each"
                print(
                    f"runs {number + 1:4d}: {cost}; files of the newest commit at most {most}, all {all_files(store)}"
                )
                most = 0
        lance.KEEP_OLD_VERSIONS = timedelta(0)
        add_image(folder, runs)
        index_once(folder, store)
        print(f"an hour later: files of the newest commit {referenced_files(store)}; all files {all_files(store)}")


if __name__ == "__main__":
    main()
