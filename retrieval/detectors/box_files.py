"""A detector that reads what another one wrote: text files of boxes with confidences, as YOLO saves them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from retrieval.detectors.base import Detection
from retrieval.errors import InputError, MissingFileError
from retrieval.labels import numbered_names
from retrieval.layout import box_inside, centred_edges
from retrieval.text_files import read_text, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

NAMES = ("data.yaml", "classes.txt")


class BoxFiles:
    """Boxes of a folder: ``STEM.txt`` for the image ``STEM.*``, a line ``class cx cy width height confidence`` each.

    The names of classes are in ``data.yaml`` or ``classes.txt`` in the folder or above it. An image without a file has
    no objects; lines of five numbers have the confidence 1.

    Args:
        folder: the folder.
        least: smallest confidence of a box.

    Raises:
        MissingFileError: there is no such folder, or no names of classes.
    """

    def __init__(self, folder: Path, least: float) -> None:
        if not folder.is_dir():
            raise MissingFileError(f"There is no folder of boxes {folder}; check the path given to `detector`.")
        self.name = folder.name
        self._folder, self._least = folder, least
        self._names = _read_names(folder)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by number."""
        return tuple(self._names[number] for number in sorted(self._names))

    def detect(self, image: Image, path: Path) -> tuple[Detection, ...]:
        """Return the boxes of the file that has the stem of ``path``; see :class:`retrieval.detectors.base.Detector`.

        Raises:
            InputError: a line cannot be read, with file and line.
        """
        del image
        file = self._folder / f"{path.stem}.txt"
        if not file.is_file():
            return ()
        detections = []
        for number, line in enumerate(read_text(file, "boxes").splitlines(), 1):
            if line.strip():
                try:
                    detection = self._detection(line)
                except ValueError as error:
                    raise InputError(
                        f"{file} line {number}: {error}; write class cx cy width height confidence."
                    ) from None
                if detection is not None and detection.confidence >= self._least:
                    detections.append(detection)
        return tuple(sorted(detections, key=lambda detection: -detection.confidence))

    def _detection(self, line: str) -> Detection | None:
        """Read a line; None for a box outside the image.

        Raises:
            ValueError: it cannot be read; the message is the reason.
        """
        numbers = [float(word) for word in line.split()]
        if len(numbers) not in (5, 6) or not all(map(math.isfinite, numbers)):
            raise ValueError(f"'{line.strip()[:60]}' is no box")
        kind, x, y, width, height, confidence = (*numbers, 1.0)[:6]
        if int(kind) not in self._names or not kind.is_integer():
            raise ValueError(f"class {kind:g} has no name")
        box = box_inside(centred_edges(x, y, width, height))
        return None if box is None else Detection(box, self._names[int(kind)], confidence)


def _read_names(folder: Path) -> dict[int, str]:
    """Read the names of classes.

    Raises:
        MissingFileError: neither file is there.
        InputError: it names no classes.
    """
    file = next((place / name for place in (folder, folder.parent) for name in NAMES if (place / name).is_file()), None)
    if file is None:
        raise MissingFileError(f"{folder} has no {' or '.join(NAMES)} that names the classes of its boxes; add one.")
    if file.suffix == ".txt":
        lines = [line.strip() for line in read_text(file, "names of classes").splitlines()]
        return dict(enumerate(filter(None, lines)))
    content = read_yaml(file, "names of classes")
    try:
        names = numbered_names(content.get("names") if isinstance(content, dict) else None)
    except ValueError as error:
        raise InputError(f"{file}: {error}.") from None
    if not names:
        raise InputError(f"{file} names no classes; add a line such as 'names: [cat, dog]'.")
    return names
