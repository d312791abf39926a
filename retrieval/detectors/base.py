"""The interface of detectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from retrieval.types import Box, Polygon


class Detection(NamedTuple):
    """A detected object: its box in fractions of the upright image, the name of its class, and a confidence in [0, 1].

    ``label`` is the name that the detector's own file gives the class, so that orders of classes never matter;
    ``polygon`` is the outline of an annotated object that has one.
    """

    box: Box
    label: str
    confidence: float
    polygon: Polygon | None = None


class Detector(Protocol):
    """Finds objects in images.

    ``name`` identifies it in reports; ``labels`` are the names of its classes; ``warnings`` say what makes the objects
    that it has answered until now doubtful.
    """

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def detect(self, image: Image, path: Path) -> tuple[Detection, ...]:
        """Return the objects of an image, most confident first.

        Args:
            image: the upright image.
            path: its file, relative to the inspected folder; by it, detectors that read files find theirs.

        Raises:
            InputError: the image, or what is said of it, cannot be used.
        """
        ...
