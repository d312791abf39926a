"""Runs an inspection: over new images, or over those of a split of the store, whose annotations are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from eval.runs.inspection import EncodedImage, InspectedImage, Inspector, open_inspector, read_upright
from eval.runs.inspection_metrics import AnnotatedObject, InspectionMetrics, inspection_metrics
from eval.runs.reading import read_pool
from eval.runs.situations import CONDITION, OBJECT, require_objects
from retrieval.detectors.base import Detection
from retrieval.detectors.registry import open_detector
from retrieval.errors import InputError, MissingFileError, unknown
from retrieval.image_listing import images_below
from retrieval.interrupt import deferred_interrupt
from retrieval.outlines import to_corners
from retrieval.pillow_messages import decoding
from retrieval.progress import progress
from retrieval.types import BOX_COLUMNS, Box

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from eval.runs.inspect_request import InspectRequest
    from retrieval.detectors.base import Detector
    from retrieval.types.store import EmbeddingStore, Snapshot

COLUMNS = ("id", "source", "uri", "split", "label", *BOX_COLUMNS, "polygon", OBJECT, CONDITION)


class ImageProblem(NamedTuple):
    """An image that could not be inspected, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of a request.

    Attributes:
        space: name of the space that answered.
        store_version: version of the store.
        method: the scorer.
        detector: name of the detector; None for annotated boxes.
        images: the images with their objects.
        problems: images, and folders, that could not be read.
        conditions: those that may be answered.
        warnings: what makes answers doubtful.
        metrics: comparison with the annotations; None for new images.
        interrupted: whether it was stopped before the last image.
    """

    space: str
    store_version: int
    method: str
    detector: str | None
    images: tuple[InspectedImage, ...]
    problems: tuple[ImageProblem, ...]
    warnings: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    metrics: InspectionMetrics | None = None
    interrupted: bool = False


class _Task(NamedTuple):
    """An image to inspect: its file, its name, and its annotated objects where it is one of the store."""

    path: Path
    name: str
    annotated: tuple[AnnotatedObject, ...]


def inspect(
    store: EmbeddingStore, request: InspectRequest, check_names: Callable[[Sequence[str]], None] | None = None
) -> Inspection:
    """Inspect images.

    Args:
        store: the store.
        request: the request.
        check_names: is called with the names of the images before any is read, and may raise an error.

    Raises:
        MissingFileError: an image, a folder or the detector does not exist.
        InputError: there is no image, the store has no conditions, or the detector is of another task.
        UnknownNameError: there is no such space, scorer, bank or split.
    """
    detector = None if request.detector is None else open_detector(request.detector, request.least, request.overlap)
    with store.snapshot() as snapshot:
        unread: list[ImageProblem] = []
        tasks = _of_split(snapshot, request.split) if request.path is None else _of_path(request.path, unread)
        tasks = tasks[: request.limit]
        if check_names is not None:
            check_names([task.name for task in tasks])
        inspector = open_inspector(store, snapshot, request.space, request.method, request.bank, request.device)
        encoded, problems, whole = _encoded(tasks, detector, inspector, quiet=request.quiet)
        images = inspector.answer(encoded)
        metrics = None
        if request.split is not None:
            annotated = {task.path: task.annotated for task in tasks}
            metrics = inspection_metrics([(image, annotated[image.path]) for image in images])
        return Inspection(
            inspector.space.name,
            snapshot.store_version,
            request.method,
            None if detector is None else detector.name,
            images,
            (*unread, *problems),
            (
                *_own_examples(request),
                *inspector.warnings,
                *(() if detector is None else detector.warnings),
                *_unknown_types(images),
            ),
            tuple(dict.fromkeys(one.condition for one in inspector.objects)),
            metrics,
            interrupted=not whole,
        )


def _encoded(
    tasks: Sequence[_Task], detector: Detector | None, inspector: Inspector, *, quiet: bool
) -> tuple[list[EncodedImage], list[ImageProblem], bool]:
    """Encode the objects of all images; return them, images that cannot be read, and whether Ctrl-C left none out."""
    images: list[EncodedImage] = []
    problems: list[ImageProblem] = []
    with deferred_interrupt() as stop, decoding(), progress("inspect", len(tasks), quiet=quiet) as bar:
        for task in tasks:
            if stop():
                return images, problems, False
            try:
                image = read_upright(task.path)
                images.append(inspector.encode(task.path, task.name, image, _detections(detector, image, task)))
            except InputError as error:
                problems.append(ImageProblem(task.path, str(error)))
            bar.advance()
    return images, problems, True


def _detections(detector: Detector | None, image: Image, task: _Task) -> tuple[Detection, ...]:
    if detector is None:
        return tuple(Detection(one.box, one.label, 1.0, one.polygon) for one in task.annotated)
    return detector.detect(image, Path(task.name))


def _of_path(path: Path, unread: list[ImageProblem]) -> list[_Task]:
    """List an image, or the images in a folder and below it, as ``index`` does.

    Args:
        path: the image or the folder.
        unread: gets the folders that cannot be read.

    Raises:
        MissingFileError: there is nothing at the path.
        InputError: the folder holds no image.
    """
    if path.is_file():
        return [_Task(path, path.name, ())]
    if not path.is_dir():
        raise MissingFileError(f"There is no image or folder {path}.")
    files = list(images_below(path, lambda folder, why: unread.append(ImageProblem(folder, f"{folder}: {why}"))))
    if not files:
        unread_words = f" ({unread[0].reason})" if unread else ""
        raise InputError(f"{path} holds no image{unread_words}; name an image or a folder of images.")
    return [_Task(file, file.relative_to(path).as_posix(), ()) for file in files]


def _of_split(snapshot: Snapshot, split: str | None) -> list[_Task]:
    """List the images of a split with their annotated objects, in the order of the data.

    Raises:
        UnknownNameError: there is no such split.
        InputError: the samples have no object and condition.
    """
    require_objects(snapshot)
    pool = read_pool(snapshot, COLUMNS, None)
    in_split = pool.take(pool.among("split", split))
    if not len(in_split):
        raise unknown("split", str(split), sorted(set(map(str, pool.values("split")))))
    roots = {source.name: Path(source.root) for source in snapshot.sources}
    objects: dict[tuple[Path, str], list[AnnotatedObject]] = defaultdict(list)
    for row in _table_rows(in_split.columns):
        uri = str(row["uri"])
        listed = objects[roots[str(row["source"])] / uri, uri]
        box = Box.of_columns([row[name] for name in BOX_COLUMNS])
        if box is not None and row["label"] is not None:
            polygon = to_corners(cast("list[float] | None", row["polygon"]))
            listed.append(AnnotatedObject(box, str(row["label"]), str(row[OBJECT]), str(row[CONDITION]), polygon))
    return [_Task(path, uri, tuple(listed)) for (path, uri), listed in objects.items()]


def _table_rows(columns: Mapping[str, NDArray[np.object_]]) -> Iterator[dict[str, object]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _own_examples(request: InspectRequest) -> tuple[str, ...]:
    """Warn that train objects answer for themselves."""
    if request.split != "train":
        return ()
    return (
        "Objects of the split train are inspected, and they are among the examples that answer: no test of anything.",
    )


def _unknown_types(images: Sequence[InspectedImage]) -> tuple[str, ...]:
    """Warn of classes of the detector that are no type of the store."""
    counts: dict[str, int] = defaultdict(int)
    for image in images:
        for one in image.objects:
            if one.object is None:
                counts[one.detected] += 1
    return tuple(
        f"The store has no object '{name}' ({count} detected): the conditions of all objects were possible for it."
        for name, count in counts.items()
    )
