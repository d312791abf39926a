"""Writes inspected objects as data sets: label files of YOLO, and annotations of COCO."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from eval.runs.inspection import InspectedImage


def inspection_data(images: tuple[InspectedImage, ...]) -> list[dict[str, Any]]:
    """Return images and objects as plain values, boxes as fractions of the image."""
    return [
        {
            "image": str(image.path),
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
    """Write ``labels/STEM.txt`` for each image, with confidences, and ``data.yaml`` with the names of the classes.

    Raises:
        InputError: a file cannot be written.
    """
    names = sorted({one.label for image in images for one in image.objects})
    number = {name: at for at, name in enumerate(names)}
    for image in images:
        lines = [
            f"{number[one.label]} {one.box.x + one.box.width / 2:.6f} {one.box.y + one.box.height / 2:.6f} "
            f"{one.box.width:.6f} {one.box.height:.6f} {one.confidence:.6f}\n"
            for one in image.objects
        ]
        write_atomically(folder / "labels" / f"{image.path.stem}.txt", "".join(lines))
    write_atomically(folder / "data.yaml", yaml.safe_dump({"nc": len(names), "names": names}, sort_keys=False))


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
        listed.append({"id": image_id, "file_name": image.path.name, "width": width, "height": height})
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
    write_atomically(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
