"""Time and memory over n: index, import-vectors, k-NN and audit, each point a process of its own.

``python -m tests.bench.bench_growth`` runs all tasks at their usual sizes, ``--tasks knn --sizes 2000,10000`` some, in
three rounds, each with stores of its own. Of each process the table has the median over the rounds, and of processor
seconds the least and the most:

- ``seconds`` until it ended, and ``processor`` seconds (user + system);
- ``anonymous``: the largest resident memory of its own (RssAnon), sampled: what it would take with an empty cache;
- ``resident``: the largest resident memory as the kernel counts it (VmHWM), which includes pages of files that are
  memory-mapped, such as vectors; the system takes these back when others need the room.

``linear`` is the ratio of processor seconds between two sizes over the ratio of the sizes (1.0: time is in proportion),
``bytes/row`` what one more row adds to anonymous memory between them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.support import encoder_folders, tiny_open_clip

ROOT = Path(__file__).parents[2]
CLASSES = 100
TEST_ROWS = 1000
SIZES = {
    "index": (10_000, 100_000),
    "import-vectors": (10_000, 100_000, 1_000_000),
    "knn": (10_000, 100_000, 1_000_000),
    "audit": (10_000, 50_000, 100_000),
}
MIB = 1 << 20


class Cost(NamedTuple):
    """What one process took: wall and processor seconds, and bytes of its own and of all resident memory."""

    seconds: float
    processor: float
    anonymous: int
    resident: int


@dataclass(frozen=True, slots=True)
class Point:
    """The cost of a task over n rows."""

    task: str
    rows: int
    seconds: float
    processor: float
    anonymous: int
    resident: int


def run(checkout: Path, *arguments: str | Path) -> Cost:
    """Run a command of a checkout of Vitrine in a process of its own.

    Raises:
        RuntimeError: it failed; exit status 4 (an audit with findings) is none.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, str(checkout / "cli.py"), *map(str, arguments)], stdout=said, stderr=said, cwd=checkout
        )
        anonymous, resident, ended = 0, 0, 0
        while not ended:
            of_its_own, largest = _memory(process.pid)
            anonymous, resident = max(anonymous, of_its_own), max(resident, largest)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 4}:
            said.seek(0)
            raise RuntimeError(said.read().decode()[-2000:])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, anonymous, resident)


def _memory(process: int) -> tuple[int, int]:
    """Anonymous memory now, and the largest resident memory until now, of a process in bytes; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return sizes.get("RssAnon", 0), sizes.get("VmHWM", 0)


def images(folder: Path, n: int) -> Path:
    """Write n different JPEGs of 32 x 32 pixels into a folder per class."""
    rng = np.random.default_rng(0)
    for number in range(CLASSES):
        (folder / f"class{number:03d}").mkdir(parents=True)
    for at in range(n):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        data = BytesIO()
        Image.fromarray(coarse).resize((32, 32), Image.Resampling.BILINEAR).save(data, "JPEG", quality=90)
        (folder / f"class{at % CLASSES:03d}" / f"{at:07d}.jpg").write_bytes(data.getvalue())
    return folder


def vectors(path: Path, n: int, dimension: int) -> Path:
    """Write n vectors around the centres of the classes, a thousand of them test, as an ``.npz``."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, dimension)).astype(np.float32)
    labels = np.arange(n) % CLASSES
    data = np.empty((n, dimension), np.float32)
    for start in range(0, n, 65_536):
        block = labels[start : start + 65_536]
        data[start : start + len(block)] = centres[block] + rng.standard_normal((len(block), dimension), np.float32)
    split = np.full(n, "train")
    split[np.linspace(0, n - 1, TEST_ROWS).astype(np.int64)] = "test"
    names = np.char.add("class", labels.astype(np.str_))
    np.savez(path, vectors=data, label=names, split=split)
    return path


class Stores:
    """Stores and files of the points, in one folder; what two tasks need is made once.

    Args:
        folder: an empty folder.
        dimension: of imported vectors.
        checkout: the checkout whose commands run.
    """

    def __init__(self, folder: Path, dimension: int, checkout: Path = ROOT) -> None:
        self._folder, self._dimension, self._run = folder, dimension, partial(run, checkout)
        self._imports: dict[int, Cost] = {}

    def index(self, n: int) -> Cost:
        """Index n images with an encoder of one layer, without thumbnails."""
        source, store = images(self._folder / f"images{n}", n), self._folder / f"indexed{n}"
        encoder = self._encoder()
        cost = self._run("index", source, "--store", store, "--encoder", encoder, "--no-thumbnails", "--json")
        shutil.rmtree(source)
        return cost

    def import_vectors(self, n: int) -> Cost:
        """Import n vectors with labels and splits."""
        if n not in self._imports:
            file = vectors(self._folder / f"vectors{n}.npz", n, self._dimension)
            self._imports[n] = self._run("import-vectors", file, "--vectors", "vectors", "--store", self._imported(n))
            file.unlink()
        return self._imports[n]

    def knn(self, n: int) -> Cost:
        """Classify a thousand of n imported vectors by their nearest neighbours among the others."""
        self.import_vectors(n)
        self._run("eval", "--mode", "knn", "--store", self._imported(n))  # makes the cache of vectors
        return self._run("eval", "--mode", "knn", "--store", self._imported(n), "--json")

    def audit(self, n: int) -> Cost:
        """Audit n imported vectors."""
        self.import_vectors(n)
        return self._run("audit", "--store", self._imported(n), "--json")

    def _imported(self, n: int) -> Path:
        return self._folder / f"imported{n}"

    def _encoder(self) -> Path:
        folder = self._folder / "encoder"
        if not folder.exists():
            (self._folder / "config").mkdir()
            tiny_open_clip.register(self._folder / "config")
            encoder_folders.two_towers(folder)
        return folder


def measure(tasks: Sequence[str], sizes: Sequence[int], stores: Stores) -> list[Point]:
    """Measure tasks at the given sizes, at their own where there are none."""
    work: dict[str, Callable[[int], Cost]] = {
        "index": stores.index, "import-vectors": stores.import_vectors, "knn": stores.knn, "audit": stores.audit,
    }  # fmt: skip
    return [Point(task, n, *work[task](n)) for task in tasks for n in sizes or SIZES[task]]


def print_table(rounds: Sequence[Sequence[Point]]) -> list[Point]:
    """Print a row for each point, measured in several rounds; return the medians."""
    print(f"{'task':15}{'n':>10}{'seconds':>9}{'processor':>10} {'(spread)':14}{'/1,000':>8}{'linear':>8}"
          f"{'anonymous':>11}{'resident':>10}{'bytes/row':>11}")  # fmt: skip
    medians: list[Point] = []
    for points in zip(*rounds, strict=True):
        seconds, processor, anonymous, resident = (
            statistics.median(getattr(point, name) for point in points) for name in Cost._fields
        )
        median = Point(points[0].task, points[0].rows, seconds, processor, int(anonymous), int(resident))
        before = medians[-1] if medians and medians[-1].task == median.task else None
        print(_row(median, before, sorted(point.processor for point in points)), flush=True)
        medians.append(median)
    return medians


def _row(point: Point, before: Point | None, processor: Sequence[float]) -> str:
    grown = f"{'':8}" if before is None else f"{_linearity(before, point):8.2f}"
    added = "" if before is None else f"{(point.anonymous - before.anonymous) / (point.rows - before.rows):,.0f}"
    per_thousand = point.processor / point.rows * 1000
    spread = f"{point.processor:10.2f} {f'({processor[0]:.1f}-{processor[-1]:.1f})':14}"
    return (
        f"{point.task:15}{point.rows:>10,}{point.seconds:9.2f}{spread}{per_thousand:8.3f}{grown}"
        f"{point.anonymous / MIB:7.0f} MiB{point.resident / MIB:6.0f} MiB{added:>11}"
    )


def _linearity(before: Point, after: Point) -> float:
    return (after.processor / before.processor) / (after.rows / before.rows)


def read_points(paths: Sequence[Path]) -> dict[str, list[Point]]:
    """Read points that ``--points`` kept: task to its points, fewest rows first."""
    points = sorted((Point(**point) for path in paths for point in json.loads(path.read_text())), key=lambda p: p.rows)
    return {task: [point for point in points if point.task == task] for task in SIZES}


def draw(path: Path, points: dict[str, list[Point]], before: dict[str, list[Point]]) -> None:
    """Draw processor seconds and own memory over n; ``before`` is dashed."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure((9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    for number, task in enumerate(SIZES):
        for measured, line in ((points[task], "-o"), (before[task], "--")):
            rows = [point.rows for point in measured]
            style = {"color": f"C{number}", "markersize": 4, "label": task if line == "-o" else None}
            panels[0].plot(rows, [point.processor for point in measured], line, **style)
            panels[1].plot(rows, [point.anonymous / MIB for point in measured], line, **style)
    for panel, title in zip(panels, ("processor seconds", "MiB of the process itself, at most"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel="n", title=title)
        panel.grid(visible=True, which="major", color="0.9")
        panel.yaxis.set_major_formatter("{x:,.0f}")
        panel.yaxis.set_minor_formatter(NullFormatter())
    panels[1].set_yticks([100, 200, 400, 800, 1600, 3200])
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    Image.open(path).convert("RGB").quantize(32).save(path, optimize=True)


def main() -> None:
    """Print a table; keep or draw its points where the arguments say so."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", default=",".join(SIZES), help="tasks, separated by commas")
    parser.add_argument("--sizes", default="", help="numbers of rows, separated by commas, in place of the usual ones")
    parser.add_argument("--dimension", type=int, default=128, help="of imported vectors")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="folder for the data, which goes after each round")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another checkout, to measure its commands")
    parser.add_argument("--points", type=Path, help="JSON file in which the points are kept")
    parser.add_argument("--draw", type=Path, help="measure nothing, and draw the points of --of as this PNG")
    parser.add_argument("--of", type=Path, nargs="+", default=[], help="files of points")
    parser.add_argument("--before", type=Path, nargs="+", default=[], help="files of earlier points, drawn dashed")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.draw, read_points(arguments.of), read_points(arguments.before))
        return
    sizes = [int(size) for size in arguments.sizes.split(",") if size]
    rounds = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            stores = Stores(Path(name), arguments.dimension, arguments.checkout.resolve())
            rounds.append(measure(arguments.tasks.split(","), sizes, stores))
    points = print_table(rounds)
    if arguments.points:
        arguments.points.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")


if __name__ == "__main__":
    main()
