"""Detectors in ONNX files, as the YOLO families export them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.detectors.base import Detection
from retrieval.detectors.letterbox import letterbox
from retrieval.detectors.suppression import suppress
from retrieval.detectors.yolo_outputs import decode, form_of
from retrieval.encoders.onnx_graph import open_session, reason
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.labels import numbered_names

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

LEAST, OVERLAP, MOST = 0.25, 0.7, 300
"""Smallest confidence, largest overlap of two boxes of a class, and largest number of boxes of an image."""

OTHER_TASKS = {"segment": "masks", "pose": "key points", "obb": "turned boxes", "classify": "classes of whole images"}

USUAL_SIDE = 640
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class YoloDetector:
    """A detector of the YOLO families.

    Args:
        path: the ONNX file.
        least: smallest confidence of a box.
        overlap: intersection over union above which the less confident of two boxes of a class is dropped; outputs
            that are suppressed already stay as they are.

    Raises:
        MissingFileError: there is no such file.
        MissingDependencyError: onnxruntime is not installed.
        WeightsError: it cannot be opened.
        InputError: it is of another task, or does not take one image.
    """

    def __init__(self, path: Path, least: float = LEAST, overlap: float = OVERLAP) -> None:
        if not path.is_file():
            raise MissingFileError(f"There is no detector {path}; check the path given to `detector`.")
        self.name = path.name
        self._path, self._least, self._overlap = path, least, overlap
        self._session = open_session(path)
        said = dict(self._session.get_modelmeta().custom_metadata_map)
        self._refuse_other_tasks(said)
        self._names = _names(said.get("names"), path)
        self._end_to_end = said.get("end2end", "").lower() == "true" or "'nms': True" in said.get("args", "")
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
            raise InputError(f"{path} does not take one image (1, 3, height, width) of floats; export it as detection.")
        self._input, self._dtype = inputs[0].name, TYPES[inputs[0].type]
        self._size = _size(inputs[0].shape, said.get("imgsz"))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by number; empty where the file does not name them."""
        return tuple(self._names[number] for number in sorted(self._names))

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: a network sees whatever it is shown."""
        return ()

    def detect(self, image: Image, path: Path) -> tuple[Detection, ...]:
        """Return the objects of an image; see :class:`retrieval.detectors.base.Detector`.

        Raises:
            InputError: the output is none of the known forms.
            WeightsError: the graph cannot be run.
        """
        del path
        fitted = letterbox(image, self._size)
        output = self._run(fitted.pixels)
        classes = len(self._names) or None
        form = form_of(output.shape, classes, end_to_end=self._end_to_end, where=self._path.name)
        raw = decode(output[0], form, self._least)
        rows = np.argsort(-raw.confidence, kind="stable")[:MOST]
        if form != "end to end":
            rows = suppress(raw.edges, raw.confidence, raw.classes, self._overlap, MOST)
        detections = []
        for row in rows.tolist():
            box = fitted.fractions(raw.edges[row].tolist())
            if box is not None:
                detections.append(Detection(box, self._label(int(raw.classes[row])), float(raw.confidence[row])))
        return tuple(detections)

    def _label(self, number: int) -> str:
        if self._names and number not in self._names:
            raise InputError(
                f"{self._path.name} answers class {number}, which its metadata do not name; export it again."
            )
        return self._names.get(number, str(number))

    def _run(self, pixels: Any) -> Any:
        try:
            outputs = self._session.run(None, {self._input: pixels.astype(self._dtype)})
        except Exception as error:  # noqa: BLE001 - onnxruntime's classes derive from Exception alone
            raise WeightsError(f"{self._path} cannot be run ({reason(error)}); export it again.") from None
        if any(output.ndim == 4 for output in outputs):
            raise InputError(f"{self._path} gives masks; export a model of the task detect.")
        return np.asarray(outputs[0], np.float32)

    def _refuse_other_tasks(self, said: dict[str, str]) -> None:
        task = said.get("task", "detect")
        if task != "detect":
            what = OTHER_TASKS.get(task, "something else")
            raise InputError(f"{self._path} is of the task {task} and gives {what}; export a model of the task detect.")


def _names(text: str | None, path: Path) -> dict[int, str]:
    """Read the names of classes from the metadata, which hold them as Python writes a dictionary or a list.

    Raises:
        InputError: they cannot be read.
    """
    if not text:
        return {}
    try:
        names = numbered_names(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        names = {}
    if not names:
        raise InputError(f"{path}: its metadata name classes as '{text[:60]}', which cannot be read.")
    return names


def _size(shape: list[Any], said: str | None) -> tuple[int, int]:
    """Return height and width of the images: those of the graph, else those of the metadata, else 640."""
    if all(isinstance(side, int) and side > 0 for side in shape[2:]):
        return int(shape[2]), int(shape[3])
    try:
        sides = ast.literal_eval(said or "")
        height, width = (sides, sides) if isinstance(sides, int) else sides
        return int(height), int(width)
    except (ValueError, SyntaxError, TypeError):
        return USUAL_SIDE, USUAL_SIDE
