"""Opens a detector by its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.detectors.yolo_onnx import LEAST, OVERLAP
from retrieval.encoders.shipped import MODELS
from retrieval.errors import InputError, MissingFileError, suggest

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.detectors.base import Detector

SHIPPED = ("drains-tiny",)
"""Names of the detectors that ship, in folders of ``data/models``."""

PICKLED = (".pt", ".pth")


def open_detector(path: Path, least: float = LEAST, overlap: float = OVERLAP) -> Detector:
    """Open an ONNX file, a folder of boxes, or a detector that ships.

    Args:
        path: the file or folder, which goes before the name of a detector that ships.
        least: smallest confidence of a box.
        overlap: intersection over union above which the less confident of two boxes of a class is dropped.

    Raises:
        MissingFileError: there is nothing at the path.
        InputError: it is no detector, or one in a format that may hold code.
        WeightsError, MissingDependencyError: the ONNX file cannot be opened.
    """
    from retrieval.detectors.box_files import BoxFiles
    from retrieval.detectors.yolo_onnx import YoloDetector

    if path.is_dir():
        return BoxFiles(path, least)
    if not path.exists() and str(path) in SHIPPED:
        path = MODELS / path / f"{path}.onnx"
    if not path.exists():
        raise MissingFileError(
            f"There is no detector {path}; check the path given to `detector`, or name one that ships "
            f"({', '.join(SHIPPED)}).{suggest(str(path), SHIPPED)}"
        )
    if path.suffix.lower() in PICKLED:
        raise InputError(
            f"{path} may hold code, and is not opened; export it where it was trained: yolo export model={path.name} "
            "format=onnx."
        )
    if path.suffix.lower() != ".onnx":
        raise InputError(f"{path} is no detector: name an ONNX file, or a folder of text files with boxes.")
    return YoloDetector(path, least, overlap)
