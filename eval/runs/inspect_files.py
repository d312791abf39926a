"""Writes inspected objects as data sets: label files of YOLO, and annotations of COCO."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.errors import InputError, first_names
from retrieval.files import check_new, replacing_folder, write_atomically
from retrieval.layout import centre
from retrieval.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from eval.runs.inspection import InspectedImage


LABELS, NAMES = "labels", "data.yaml"

MARK = "# Written by vitrine inspect, sha256 "
"""Begins the first line of :data:`NAMES`. A digest of the answer follows, so that one that people changed is told."""


def check_targets(yolo: Path | None, coco: Path | None, *, force: bool) -> None:
    """Refuse, before any work, to replace what no inspection wrote, and anything else unless the user said so.

    Args:
        yolo: folder for :func:`write_yolo`.
        coco: file for :func:`write_coco`.
        force: whether the user said so.

    Raises:
        InputError: the folder is not empty, or the file exists, and ``force`` is False; or the folder holds other
            things than an unchanged earlier answer.
    """
    if coco is not None:
        check_new(coco, force=force, option="coco")
    if yolo is None or not yolo.is_dir():
        return
    held = sorted(path.name for path in yolo.iterdir())
    if held and not force:
        raise InputError(
            f"{yolo} holds files ({first_names(held)}); choose a new folder for `yolo`, or replace an earlier answer "
            "with `force`."
        )
    if held and not _is_answer(yolo):
        raise InputError(
            f"{yolo} holds other things than an earlier answer of inspect, or one that was changed since, and is not "
            "replaced, even with `force`; choose a new folder for `yolo`."
        )


def check_names(names: Sequence[str], *, yolo: bool, coco: bool) -> None:
    """Refuse, before any work, images that would have the same label file or the same name.

    Raises:
        InputError: there are such images, or one whose label file would lie outside the folder.
    """
    files: dict[str, str] = {}
    for name in names if yolo or coco else ():
        file = label_file(name).as_posix() if yolo else name
        if file in files:
            what = f"the label file {file}" if yolo else f"the name {file}"
            raise InputError(
                f"The images {files[file]} and {name} would have {what}; rename one, or inspect them one by one."
            )
        if yolo and (".." in PurePosixPath(file).parts or PurePosixPath(file).is_absolute()):
            raise InputError(f"The image {name} lies outside its folder and can have no label file; leave out `yolo`.")
        files[file] = name


def label_file(name: str) -> PurePosixPath:
    """Return the label file of an image, relative to the folder of labels."""
    return PurePosixPath(name).with_suffix(".txt")


def _is_answer(folder: Path) -> bool:
    """Return whether a folder holds what :func:`write_yolo` wrote, unchanged, and nothing else."""
    if {path.name for path in folder.iterdir()} != {LABELS, NAMES} or not (folder / NAMES).is_file():
        return False
    first, _, content = read_text(folder / NAMES, "names of classes").partition("\n")
    return first == MARK + _digest(folder / LABELS, content)


def _digest(labels: Path, content: str) -> str:
    """Return the digest of label files, with their names, and of the text of :data:`NAMES`."""
    digest = sha256(content.encode())
    for path in sorted(labels.rglob("*")):
        if path.is_file():
            words = path.read_bytes()
            digest.update(f"\0{path.relative_to(labels).as_posix()}\0{len(words)}\0".encode(errors="surrogateescape"))
            digest.update(words)
    return digest.hexdigest()


def inspection_data(images: tuple[InspectedImage, ...]) -> list[dict[str, Any]]:
    """Return images and objects as plain values, boxes as fractions of the image."""
    return [
        {
            "image": str(image.path),
            "name": image.name,
            "width": image.size[0],
            "height": image.size[1],
            "objects": [
                {
                    "box": [round(number, 6) for number in one.box],
                    "detected": one.detected,
                    "confidence": round(one.confidence, 6),
                    "object": one.object,
                    "condition": one.condition,
                    "label": one.label,
                    "score": round(one.score, 6),
                    "nearest": [example._asdict() | {"score": round(example.score, 6)} for example in one.examples],
                }
                for one in image.objects
            ],
        }
        for image in images
    ]


def write_yolo(images: tuple[InspectedImage, ...], folder: Path) -> None:
    """Write a label file with confidences for each image, and ``data.yaml`` with the names of the classes.

    The file of ``a/1.jpg`` is ``labels/a/1.txt``. Label files of an earlier answer are removed, since their numbers of
    classes may be others.

    Raises:
        InputError: a file cannot be written.
    """
    names = sorted({one.label for image in images for one in image.objects})
    number = {name: at for at, name in enumerate(names)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder / LABELS) as part:
            part.mkdir()
            for image in images:
                file = part / label_file(image.name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("".join(_yolo_lines(image, number)), encoding="utf-8")
            (folder / NAMES).unlink(missing_ok=True)  # never beside labels of other numbers
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}); choose another place for `yolo`."
        ) from None
    content = yaml.safe_dump({"nc": len(names), "names": names}, sort_keys=False)
    write_atomically(
        folder / NAMES, f"{MARK}{_digest(folder / LABELS, content)}\n{content}", "choose another place for `yolo`"
    )


def _yolo_lines(image: InspectedImage, number: dict[str, int]) -> Iterator[str]:
    for one in image.objects:
        x, y = centre(one.box)
        sides = (x, y, one.box.width, one.box.height, one.confidence)
        yield f"{number[one.label]} {' '.join(f'{side:.6f}' for side in sides)}\n"


def write_coco(images: tuple[InspectedImage, ...], file: Path) -> None:
    """Write annotations of COCO, boxes in pixels; ``score`` is the detector's confidence.

    Raises:
        InputError: the file cannot be written.
    """
    names = sorted({one.label for image in images for one in image.objects})
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, 1):
        width, height = image.size
        listed.append({"id": image_id, "file_name": image.name, "width": width, "height": height})
        for one in image.objects:
            sides = (one.box.x * width, one.box.y * height, one.box.width * width, one.box.height * height)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": names.index(one.label) + 1,
                    "bbox": [round(side, 2) for side in sides],
                    "area": round(sides[2] * sides[3], 2),
                    "iscrowd": 0,
                    "score": round(one.confidence, 6),
                    "condition": one.condition,
                    "condition_score": round(one.score, 6),
                }
            )
    categories = [{"id": at, "name": name} for at, name in enumerate(names, 1)]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    write_atomically(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n", "choose another place for `coco`")
