"""Embed the images of stored samples into another space: their files are opened again, and no row changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from indexers.pipeline.decode import OpenedImage, open_image, seen_pixels, vector_key
from indexers.pipeline.embed import IN_FLIGHT, MOST_OF_A_FILE
from indexers.pipeline.filling import SpaceFiller
from retrieval.containers import containing_file
from retrieval.crops import CropPolicy, parse_policy
from retrieval.errors import InputError
from retrieval.images import PixelLimitError, read_image
from retrieval.interrupt import deferred_interrupt
from retrieval.outlines import to_corners
from retrieval.pillow_messages import decoding
from retrieval.progress import progress
from retrieval.types import BOX_COLUMNS, Box, Polygon, Preprocess, SourceTally

if TYPE_CHECKING:
    from indexers.pipeline.batches import Batch
    from indexers.pipeline.report import IndexOptions
    from retrieval.types import Encoder, EncoderSpec, SpaceInfo, UInt8
    from retrieval.types.store import Snapshot, StoreWriter

COLUMNS = ("key", "source", "uri", "crop", *BOX_COLUMNS, "polygon")

GONE, CHANGED = "gone", "changed since they were indexed"
IMPORTED = "of vectors that were imported, without an image"


class ImagePlace(NamedTuple):
    """Where an image is: its file, the box in it, and its name in messages. ``path`` is None for imported vectors."""

    path: Path | None
    box: Box | None
    polygon: Polygon | None
    uri: str


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The image of a key. Of samples with the same content each file will do, so there may be several places."""

    key: str
    crop: str
    places: list[ImagePlace]


class _Failure(NamedTuple):
    """Why an image cannot be embedded: the reason that is counted, and the whole message."""

    reason: str
    message: str


Outcome: TypeAlias = "UInt8 | _Failure"


@dataclass(slots=True)
class StoredReport:
    """Numbers of images that were embedded, that had their vectors already, and that are ``left_out`` by reason.

    ``failures`` maps uris of the latter to messages. ``store_version`` is the last version that was committed;
    ``interrupted`` says whether Ctrl-C stopped the run.
    """

    embedded: int = 0
    unchanged: int = 0
    interrupted: bool = False
    store_version: int = 0
    space: SpaceInfo | None = None
    left_out: SourceTally = field(default_factory=SourceTally)
    failures: dict[str, str] = field(default_factory=dict)


def stored_images(snapshot: Snapshot, keys: set[str]) -> list[StoredImage]:
    """Return the images of these keys, in the order of the data."""
    roots = {info.name: None if info.kind == "import" else Path(info.root) for info in snapshot.sources}
    images: dict[str, StoredImage] = {}
    for row in snapshot.samples(list(COLUMNS)).to_pylist():
        if row["key"] in keys:
            root, box = roots[row["source"]], Box.of_columns([row[name] for name in BOX_COLUMNS])
            place = ImagePlace(None if root is None else root / row["uri"], box, to_corners(row["polygon"]), row["uri"])
            images.setdefault(row["key"], StoredImage(row["key"], row["crop"], [])).places.append(place)
    return list(images.values())


def embed_stored(
    images: Sequence[StoredImage],
    writer: StoreWriter,
    spec: EncoderSpec,
    *,
    load: Callable[[], Encoder],
    register: Callable[[Encoder, tuple[str, ...]], SpaceInfo],
    options: IndexOptions,
) -> StoredReport:
    """Embed images whose vectors the space of an encoder lacks; committed work stays after an interruption.

    Args:
        images: the images; those that have vectors in all views already are left out.
        writer: writer of the store.
        spec: the encoder.
        load: loads the encoder; called when the first image must be encoded.
        register: registers its space.
        options: views, threads, commits and the limit of pixels.

    Raises:
        StoreError: the store could not be written; the last commit stands.
    """
    report, preprocess = StoredReport(), spec.preprocess
    if preprocess is None:
        raise InputError(f"{spec.model} has no preprocessing, so it encodes no images.")
    with (
        deferred_interrupt() as stop,
        decoding(options.max_pixels),
        ThreadPoolExecutor(options.workers, "decode") as pool,
    ):

        def encoded(batch: Batch) -> None:
            report.embedded += len(batch.pixels)
            bar.advance(len(batch.pixels))

        filler = SpaceFiller(
            writer, spec, options.views, load=load, register=register, encoded=encoded,
            commit_seconds=options.commit_seconds, note="refresh",
        )  # fmt: skip
        missing = [image for image in images if image.key not in filler.embedded]
        report.unchanged = len(images) - len(missing)
        ahead = IN_FLIGHT * spec.batch_size + options.workers
        with progress("refresh", len(missing), quiet=options.quiet) as bar:
            opened = _opened(
                missing, pool, partial(_open_group, preprocess=preprocess, policy=parse_policy(spec.crop)), ahead
            )
            files = (_noted(image, outcome, report) for image, outcome in opened)

            def add(file: tuple[str, UInt8]) -> None:
                filler.add(*file)

            dropped = filler.fill(files, add, stop)
            report.interrupted = dropped is not None
            if report.interrupted:
                pool.shutdown(wait=False, cancel_futures=True)
        filler.commit()
    report.space, report.store_version = filler.space, filler.store_version
    return report


def _opened(
    images: Iterable[StoredImage], pool: Executor, open_group: Callable[[list[StoredImage]], list[Outcome]], limit: int
) -> Iterator[tuple[StoredImage, Outcome]]:
    """Yield the images with their pixels, in order; about ``limit`` are decoded ahead, those of one file together."""
    ahead: deque[tuple[list[StoredImage], Future[list[Outcome]]]] = deque()
    waiting = 0
    for _, same_file in groupby(images, lambda image: image.places[0].path):
        group = list(same_file)
        for part in (group[start : start + MOST_OF_A_FILE] for start in range(0, len(group), MOST_OF_A_FILE)):
            ahead.append((part, pool.submit(open_group, part)))
            waiting += len(part)
        while waiting >= limit:
            done, future = ahead.popleft()
            waiting -= len(done)
            yield from zip(done, future.result(), strict=True)
    while ahead:
        done, future = ahead.popleft()
        yield from zip(done, future.result(), strict=True)


def _noted(image: StoredImage, outcome: Outcome, report: StoredReport) -> tuple[str, UInt8] | None:
    """Return key and pixels; None for a failure, which is added to the report."""
    if not isinstance(outcome, _Failure):
        return image.key, outcome
    report.left_out.leave_out(outcome.reason, image.places[0].uri)
    report.failures[image.places[0].uri] = outcome.message
    return None


def _open_group(images: Sequence[StoredImage], preprocess: Preprocess, policy: CropPolicy) -> list[Outcome]:
    """Read and preprocess images, in a worker thread; a file that several are in is decoded once."""
    opened: dict[Path, OpenedImage | InputError] = {}

    def read(path: Path) -> OpenedImage:
        if path not in opened:
            try:
                opened[path] = open_image(read_image(path))
            except InputError as error:
                opened[path] = error
        file = opened[path]
        if isinstance(file, InputError):
            raise file
        return file

    return [_open(image, read, preprocess, policy) for image in images]


def _open(
    image: StoredImage, read: Callable[[Path], OpenedImage], preprocess: Preprocess, policy: CropPolicy
) -> Outcome:
    """Return the pixels of an image from the first place that still has it."""
    failure = _Failure(IMPORTED, "no image: its vectors were imported")
    for place in image.places:
        if place.path is None:
            continue
        try:
            file = read(place.path)
            if vector_key(file.content, image.crop) == image.key:
                return seen_pixels(file.image, place.box, place.polygon, preprocess, policy)
            failure = _Failure(CHANGED, "the file is another one than was indexed")
        except PixelLimitError as error:
            failure = _Failure("unreadable", error.way_out)
        except InputError as error:
            gone = not containing_file(place.path).exists()
            failure = _Failure(GONE if gone else "unreadable", "the file is gone" if gone else str(error))
    return failure
