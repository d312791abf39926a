"""A detector that reads what another one wrote: text files of boxes with confidences, as YOLO saves them."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.detectors.base import Detection
from retrieval.errors import InputError, MissingFileError, first_names
from retrieval.labels import numbered_names
from retrieval.layout import FARTHEST, box_inside, centred_edges
from retrieval.text_files import read_text, read_yaml

if TYPE_CHECKING:
    from PIL.Image import Image

NAMES = ("data.yaml", "classes.txt")


class BoxFiles:
    """Boxes of a folder, or of ``labels`` in it: a line ``class cx cy width height confidence`` each, in fractions.

    The file of the image ``a/1.jpg`` is ``a/1.txt``, or ``1.txt`` where there is none. The names of classes are in
    ``data.yaml`` or ``classes.txt`` in the folder or above it. An image without a file has no objects; lines of five
    numbers have the confidence 1.

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
        self._images = 0
        self._answered: dict[Path, list[str]] = defaultdict(list)
        self._no_boxes: list[str] = []

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by number."""
        return tuple(self._names[number] for number in sorted(self._names))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say that no image had a file, which files answered several images, and which boxes were left out."""
        notes = []
        if self._images and not self._answered:
            notes.append(
                f"{self._folder} has no text file for any of the {self._images:,} images; files are looked for by the "
                "names of images, such as a/1.txt or 1.txt for a/1.jpg."
            )
        several = [(file, names) for file, names in self._answered.items() if len(names) > 1]
        if several:
            file, names = several[0]
            notes.append(
                f"Files of boxes that were read for several images: {len(several):,}, such as {file} for "
                f"{first_names(names)}; give every image its own, in the same folders as the images."
            )
        if self._no_boxes:
            notes.append(
                f"Boxes that lie outside their images or have no area, and are left out: {len(self._no_boxes):,}, the "
                f"first of {self._no_boxes[0]}."
            )
        return tuple(notes)

    def detect(self, image: Image, path: Path) -> tuple[Detection, ...]:
        """Return the boxes of the file of an image; see :class:`retrieval.detectors.base.Detector`.

        Raises:
            InputError: a line cannot be read, with file and line.
        """
        del image
        self._images += 1
        file = self._file_of(path)
        if file is None:
            return ()
        self._answered[file].append(path.as_posix())
        detections = []
        for number, line in enumerate(read_text(file, "boxes").splitlines(), 1):
            if line.strip():
                try:
                    detection = self._detection(line)
                except ValueError as error:
                    raise InputError(
                        f"{file} line {number}: {error}; write class cx cy width height confidence."
                    ) from None
                if detection is None:
                    self._no_boxes.append(f"{file} line {number}")
                elif detection.confidence >= self._least:
                    detections.append(detection)
        return tuple(sorted(detections, key=lambda detection: -detection.confidence))

    def _file_of(self, path: Path) -> Path | None:
        """Find the file of an image: in the same folders as the image, as many of them as there are."""
        parts = path.with_suffix(".txt").parts
        tails = (Path(*parts[at:]) for at in range(len(parts)))
        files = (place / tail for tail in tails for place in (self._folder, self._folder / "labels"))
        return next((file for file in files if file.name not in NAMES and file.is_file()), None)

    def _detection(self, line: str) -> Detection | None:
        """Read a line; None for a box outside the image, or without area.

        Raises:
            ValueError: it cannot be read; the message is the reason.
        """
        numbers = [float(word) for word in line.split()]
        if len(numbers) not in (5, 6) or not all(map(math.isfinite, numbers)):
            raise ValueError(f"'{line.strip()[:60]}' is no box")
        kind, x, y, width, height, confidence = (*numbers, 1.0)[:6]
        if int(kind) not in self._names or not kind.is_integer():
            raise ValueError(f"class {kind:g} has no name")
        if max(map(abs, numbers[1:5])) > FARTHEST:
            raise ValueError("its numbers are not fractions of the image's width and height; divide pixels by them")
        if width < 0 or height < 0:
            raise ValueError(f"the box is {width:g} wide and {height:g} high")
        if not 0 <= confidence <= 1:
            raise ValueError(f"the confidence {confidence:g} is not between 0 and 1")
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
        return _names_of_lines(file)
    content = read_yaml(file, "names of classes")
    try:
        names = numbered_names(content.get("names") if isinstance(content, dict) else None)
    except ValueError as error:
        raise InputError(f"{file}: {error}.") from None
    if not names:
        raise InputError(f"{file} names no classes; add a line such as 'names: [cat, dog]'.")
    return names


def _names_of_lines(file: Path) -> dict[int, str]:
    """Read names of classes, one on a line; blank lines may stand at the end only, since they have numbers too.

    Raises:
        InputError: there is no name, or a blank line before one.
    """
    lines = [line.strip() for line in read_text(file, "names of classes").rstrip().splitlines()]
    if not lines:
        raise InputError(f"{file} names no classes; write one name on a line.")
    if "" in lines:
        raise InputError(f"{file} line {lines.index('') + 1} is blank, and would be class {lines.index('')}; name it.")
    return dict(enumerate(lines))
