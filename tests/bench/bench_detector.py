"""The detector that ships, on drawn slopes it never saw and on real ones: the table of its card, and its time.

Another ONNX file may be named: `python -m tests.bench.bench_detector runs/drains-tiny/detector/drains-tiny.onnx`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from data.drains import DrainArguments, draw_drains
from eval.metrics.detection import average_precision, match_boxes
from indexers.sources.registry import open_source
from retrieval.detectors.base import Detector
from retrieval.detectors.registry import open_detector
from retrieval.detectors.suppression import overlaps
from retrieval.names import spelling
from retrieval.types import Box, Float32
from tests.support.shared_data import SHARED

WORLDS, IMAGES = (0, 21, 22), 144
"""Seeds of the drawn worlds, none of which the recipe draws, and images of each: those of all splits."""

LEAST, OVERLAP, IOU = 0.01, 0.6, 0.5
RESAMPLES = 1000


class Trials(NamedTuple):
    """Of one image and one type: confidence of the detections, whether each is a hit, and the number of objects."""

    confidence: np.ndarray
    hit: np.ndarray
    truths: int


def annotated(folder: Path) -> dict[Path, list[tuple[str, Box]]]:
    """Types and boxes of the objects of all images of a data set of YOLO."""
    source = open_source(folder, "yolo")
    images: dict[Path, list[tuple[str, Box]]] = defaultdict(list)
    for sample in source:
        objects = images[source.root / sample.uri]
        if sample.box is not None:
            objects.append((spelling(str(sample.meta.get("object", sample.label))), sample.box))
    return images


def edges_of(boxes: list[Box]) -> Float32:
    return np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes], np.float32).reshape(-1, 4)


def trials(folder: Path, detector: Detector) -> tuple[list[dict[str, Trials]], float]:
    """Trials of every image by type, and milliseconds per image with decoding."""
    kinds = [spelling(label) for label in detector.labels]
    images, seconds = [], 0.0
    for path, objects in annotated(folder).items():
        start = time.perf_counter()
        found = detector.detect(Image.open(path), path)
        seconds += time.perf_counter() - start
        by_type = {}
        for kind in kinds:
            mine = [one for one in found if spelling(one.label) == kind]
            true = edges_of([box for name, box in objects if name == kind])
            confidence = np.array([one.confidence for one in mine], np.float64)
            hit = match_boxes(overlaps(edges_of([one.box for one in mine]), true), confidence, IOU) >= 0
            by_type[kind] = Trials(confidence, hit, len(true))
        images.append(by_type)
    return images, 1000 * seconds / len(images)


def precisions(images: list[dict[str, Trials]]) -> dict[str, float]:
    """Average precision by type, of the types that have objects, and their mean."""
    values = {}
    for kind in images[0]:
        parts = [image[kind] for image in images]
        if truths := sum(part.truths for part in parts):
            confidence, hit = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
            values[kind] = average_precision(confidence, hit.astype(np.bool_), truths)
    return values | {"mean": float(np.mean(list(values.values())))}


def row(title: str, folder: Path, detector: Detector) -> str:
    images, milliseconds = trials(folder, detector)
    values = precisions(images)
    rng = np.random.default_rng(0)
    means = [
        precisions([images[at] for at in rng.integers(0, len(images), len(images))])["mean"] for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    objects = sum(part.truths for image in images for part in image.values())
    cells = [f"{100 * values.get(kind, float('nan')):.1f}" for kind in images[0]]
    mean = f"**{100 * values['mean']:.1f}** [{100 * low:.1f}, {100 * high:.1f}]"
    return f"| {title} | {len(images)} | {objects} | {mean} | {' | '.join(cells)} | {milliseconds:.1f} |"


def main() -> None:
    detector = open_detector(Path(sys.argv[1] if len(sys.argv) > 1 else "drains-tiny"), LEAST, OVERLAP)
    print(f"| | images | objects | mAP@.5 | {' | '.join(map(spelling, detector.labels))} | ms |")
    print(f"|---|{'---:|' * (len(detector.labels) + 4)}")
    with tempfile.TemporaryDirectory() as folder:
        for seed in WORLDS:
            world = Path(folder) / f"drains-{seed}"
            draw_drains(world, DrainArguments(IMAGES, seed), workers=None)
            print(row(f"drawn slopes of seed {seed}", world, detector), flush=True)
    real = SHARED / "drains" / "objects"
    if real.is_dir():
        print(row("photographs (`drains/objects`)", real, detector))


if __name__ == "__main__":
    main()
