"""Compare the vectors that an exported encoder gives for images of a store with those that are stored."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.containers import containing_file
from retrieval.crops import parse_policy
from retrieval.encoders.preprocess import pixels
from retrieval.errors import InputError
from retrieval.export.stored_prototypes import StoredPrototypes, prototypes_of
from retrieval.images import content_hash, read_image, upright
from retrieval.outlines import to_corners
from retrieval.pillow_messages import decoding
from retrieval.progress import progress
from retrieval.search.exact import make_index
from retrieval.search.vector_rows import rows_of
from retrieval.types import BOX_COLUMNS, Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.types import Encoder, Float32, Int64, SpaceInfo, UInt8
    from retrieval.types.store import Snapshot

COLUMNS = ("key", "source", "uri", "content", *BOX_COLUMNS, "polygon", "label")

ROUNDS = 3
"""Times that a batch is encoded; the shortest is reported."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What an exported encoder keeps.

    Attributes:
        images: number of images that were encoded.
        gone: images whose file does not exist, or that never had one.
        changed: images whose file is another than the one that was indexed.
        unreadable: images that could not be decoded.
        mean_cosine: mean cosine to the stored vectors.
        least_cosine: the lowest.
        same_neighbour: images whose nearest neighbour among these images is the same by either vectors.
        same_prototype: images that are nearest to the same prototype by either vectors; None without two labels.
        labels: number of labels, whose prototypes are the mean stored vectors of their samples.
        images_per_second: images that the file encodes, on one core.
        torch_images_per_second: images that the encoder of the space encodes in torch, on one core, in the same run.
    """

    images: int
    gone: int
    changed: int
    unreadable: int
    mean_cosine: float | None = None
    least_cosine: float | None = None
    same_neighbour: int | None = None
    same_prototype: int | None = None
    labels: int = 0
    images_per_second: float | None = None
    torch_images_per_second: float | None = None

    @property
    def speed(self) -> float | None:
        """The file's images per second as a multiple of torch's."""
        if self.images_per_second is None or self.torch_images_per_second is None:
            return None
        return self.images_per_second / self.torch_images_per_second

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON data."""
        return {**asdict(self), "speed": self.speed}


class _Left(Exception):  # noqa: N818 - no error: the image is counted and left out
    """Why an image is left out: gone, changed or unreadable."""


def measure_retention(
    snapshot: Snapshot, space: SpaceInfo, exported: Encoder, original: Encoder, limit: int, *, quiet: bool
) -> Retention:
    """Encode images of a store, at equal distances in the order of the data, by an exported encoder.

    Args:
        snapshot: the store.
        space: the space.
        exported: the encoder in the file.
        original: the encoder of the space, whose speed is measured.
        limit: largest number of images.
        quiet: whether to show no progress.

    Raises:
        WeightsError: the exported encoder gives vectors that are zero or not finite.
    """
    matrix = snapshot.vectors(space, "base")
    samples = snapshot.samples(list(COLUMNS))
    rows = rows_of(samples.column("key"), matrix)
    chosen = _chosen(rows, limit)
    table = samples.take(chosen).to_pylist()
    kept, seen, left = _read(table, snapshot, space, quiet=quiet)
    counts = {reason: left.count(reason) for reason in ("gone", "changed", "unreadable")}
    if not kept:
        return Retention(0, **counts)
    vectors, stored = _encoded(exported, seen, quiet=quiet), np.asarray(matrix.data[rows[chosen[kept]]], np.float32)
    cosines = np.einsum("ij,ij->i", vectors.astype(np.float64), stored.astype(np.float64))
    means = prototypes_of(samples.column("label").to_pylist(), rows, matrix.data)
    speeds = _speeds([exported, original], seen[: exported.spec.batch_size])
    return Retention(
        images=len(kept),
        **counts,
        mean_cosine=float(cosines.mean()),
        least_cosine=float(cosines.min()),
        same_neighbour=_same_neighbour(stored, vectors),
        same_prototype=_same_prototype(means, chosen[kept], stored, vectors),
        labels=0 if means is None else len(means.sums),
        images_per_second=speeds[0],
        torch_images_per_second=speeds[1],
    )


def _chosen(rows: Int64, limit: int) -> Int64:
    """Return at most ``limit`` samples with a vector, at equal distances, of those with one vector only the first."""
    first = np.unique(rows, return_index=True)[1]
    with_vector = np.sort(first[rows[first] >= 0])
    at = np.unique(np.linspace(0, len(with_vector) - 1, min(limit, len(with_vector))).round().astype(np.int64))
    return with_vector[at].astype(np.int64)


def _read(
    table: Sequence[Mapping[str, Any]], snapshot: Snapshot, space: SpaceInfo, *, quiet: bool
) -> tuple[list[int], list[UInt8], list[str]]:
    """Return the numbers of images that could be read, what the encoder sees of each, and why others are left out."""
    roots = {info.name: None if info.kind == "import" else Path(info.root) for info in snapshot.sources}
    kept: list[int] = []
    seen: list[UInt8] = []
    left: list[str] = []
    with decoding(), progress("reading", len(table), quiet=quiet) as bar:
        for number, row in enumerate(table):
            try:
                seen.append(_pixels(row, roots[row["source"]], space))
                kept.append(number)
            except _Left as reason:
                left.append(str(reason))
            bar.advance()
    return kept, seen, left


def _pixels(row: Mapping[str, Any], root: Path | None, space: SpaceInfo) -> UInt8:
    preprocess = space.spec.preprocess
    assert preprocess is not None  # noqa: S101 - the caller has looked
    if root is None:
        raise _Left("gone")
    path = root / row["uri"]
    if not containing_file(path).is_file():
        raise _Left("gone")
    box = Box.of_columns([row[name] for name in BOX_COLUMNS])
    try:
        data = read_image(path)
        if content_hash(data) != row["content"]:
            raise _Left("changed")
        picture = parse_policy(space.spec.crop).pictures(upright(data).image, box, to_corners(row["polygon"]))[0]
        return pixels(picture, preprocess)
    except InputError:
        raise _Left("unreadable") from None


def _encoded(encoder: Encoder, seen: Sequence[UInt8], *, quiet: bool) -> Float32:
    """Return the vectors (n, d) of images."""
    step, parts = encoder.spec.batch_size, []
    with progress("comparing", len(seen), quiet=quiet) as bar:
        for start in range(0, len(seen), step):
            batch = np.stack(seen[start : start + step])
            parts.append(encoder.encode_images(batch).vectors)
            bar.advance(len(batch))
    return np.concatenate(parts)


def _speeds(encoders: Sequence[Encoder], images: Sequence[UInt8]) -> list[float]:
    """Return how many images a second each encoder encodes on one core: in turns, of each the best round."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as many as onnxruntime has
    best = [np.inf] * len(encoders)
    size = max(encoder.spec.batch_size for encoder in encoders)
    batch = np.stack([images[at % len(images)] for at in range(size)])  # whole batches: padding costs as much
    try:
        for _ in range(ROUNDS):
            for at, encoder in enumerate(encoders):
                start = time.perf_counter()
                encoder.encode_images(batch)
                best[at] = min(best[at], time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return [size / seconds for seconds in best]


def _same_neighbour(stored: Float32, vectors: Float32) -> int | None:
    """Count images whose nearest other image is the same by either vectors; None for a single image."""
    if len(stored) < 2:
        return None
    but_itself = [np.array([row], np.int64) for row in range(len(stored))]
    answers = [make_index("exact", data).search(data, 1, but_itself).rows[:, 0] for data in (stored, vectors)]
    return int((answers[0] == answers[1]).sum())


def _same_prototype(means: StoredPrototypes | None, chosen: Int64, stored: Float32, vectors: Float32) -> int | None:
    """Count images that are nearest to the same prototype by either vectors."""
    if means is None:
        return None
    answers = [means.nearest(chosen, stored, data) for data in (stored, vectors)]
    return int((answers[0] == answers[1]).sum())
