"""The command ``inspect``: where the objects of images are, and in which condition."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eval.commands.shared import say_warnings
from retrieval.commands.options import (
    device_option,
    json_option,
    note,
    print_json,
    print_line,
    print_tables,
    space_option,
    store_option,
)

if TYPE_CHECKING:
    from eval.runs.inspect import Inspection

EXIT_UNREADABLE = 3

SHOWN = 5
"""Unreadable images that are named."""


@click.command("inspect")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--detector", type=click.Path(path_type=Path), help="ONNX file of YOLO, folder of boxes, or drains-tiny.")
@click.option("--split", help="The store's own images of this split, compared with their annotations.")
@click.option("--method", default="prototype", show_default=True, help="Scorer: prototype, knn, gda, classifier, ...")
@click.option("--bank", help="Bank of the scorer.")
@click.option("--confidence", "least", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Smallest.")
@click.option("--overlap", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="Of two boxes, at most.")
@click.option("--limit", type=click.IntRange(min=1), help="Images at most.")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for annotated pictures.")
@click.option("--yolo", type=click.Path(path_type=Path, file_okay=False), help="Folder for label files of YOLO.")
@click.option("--coco", type=click.Path(path_type=Path, dir_okay=False), help="File for annotations of COCO.")
@click.option("--force", is_flag=True, help="Replace an earlier answer (--yolo), or the file (--coco).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@store_option
@space_option
@device_option
@json_option
def inspect_command(
    store: str,
    pictures: Path | None,
    yolo: Path | None,
    coco: Path | None,
    as_json: bool,  # noqa: FBT001 - Click passes flags by name
    quiet: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Find the objects of an image, or of a folder of images, and answer the condition of each.

    The conditions are those of the train objects of the store, in one space. Example: inspect photos --detector
    best.onnx --store slopes --pictures inspected. Of the store's own images (--split val) the boxes are the annotated
    ones, unless a detector is named, and what is answered is compared with what is annotated.
    """
    from eval.report.annotated import check_pictures
    from eval.runs.inspect import inspect
    from eval.runs.inspect_files import check_names, check_targets, write_coco, write_yolo
    from eval.runs.inspect_request import InspectRequest
    from eval.views.inspection_tables import inspection_tables
    from retrieval.store.open import open_store

    request = InspectRequest.read({**options, "quiet": quiet or as_json}, "inspect")
    check_targets(yolo, coco, force=force)
    if pictures is not None:
        check_pictures(pictures)
    check = partial(check_names, yolo=yolo is not None, coco=coco is not None)
    inspection = inspect(open_store(store), request, check)
    if yolo is not None:
        write_yolo(inspection.images, yolo)
    if coco is not None:
        write_coco(inspection.images, coco)
    if pictures is not None:
        _draw(inspection, pictures)
    if as_json:
        print_json(_data(inspection))
    else:
        print_tables(inspection_tables(inspection))
        if pictures is not None:
            print_line(f"Pictures: {pictures}")
    say_warnings(inspection.warnings)
    for problem in inspection.problems[:SHOWN]:
        note(problem.reason)
    if len(inspection.problems) > SHOWN:
        note(f"{len(inspection.problems) - SHOWN} more images could not be read (--json lists them).")
    if inspection.interrupted or inspection.problems:
        click.get_current_context().exit(1 if inspection.interrupted else EXIT_UNREADABLE)


def _draw(inspection: Inspection, folder: Path) -> None:
    from eval.report.annotated import annotated_picture, condition_colours

    colours = condition_colours(set(inspection.conditions))
    for number, image in enumerate(inspection.images, 1):
        annotated_picture(image, colours, folder / f"{number:04d}_{image.path.stem}.jpg")


def _data(inspection: Inspection) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    from eval.runs.inspect_files import inspection_data

    return {
        "space": inspection.space,
        "store_version": inspection.store_version,
        "method": inspection.method,
        "detector": inspection.detector,
        "images": inspection_data(inspection.images),
        "metrics": None if inspection.metrics is None else inspection.metrics.to_dict(),
        "problems": [{"image": str(one.path), "reason": one.reason} for one in inspection.problems],
        "warnings": list(inspection.warnings),
        "interrupted": inspection.interrupted,
    }
