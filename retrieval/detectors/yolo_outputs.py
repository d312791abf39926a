"""The three forms in which exports of the YOLO families give their boxes, told apart by metadata and shape.

========== ========================== ====================================================== =======================
form       shape                      row                                                    families
========== ========================== ====================================================== =======================
anchors    (1, 4 + classes, anchors)  cx, cy, width, height, scores of classes                v8, v9, v11, v12
objectness (1, anchors, 5 + classes)  cx, cy, width, height, objectness, scores of classes    v5, v7
end to end (1, boxes, 6)              x1, y1, x2, y2, confidence, class                       v10, YOLO26, nms=True
========== ========================== ====================================================== =======================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

Form = Literal["anchors", "objectness", "end to end"]

MOST_END_TO_END = 1000
"""Rows of an output; more are anchors, which have not been suppressed."""


class RawBoxes(NamedTuple):
    """Boxes (n, 4) as x1, y1, x2, y2 in pixels of the square, their confidence (n,) and class (n,)."""

    edges: Float32
    confidence: Float32
    classes: Int64


def form_of(shape: Sequence[int], classes: int | None, *, end_to_end: bool, where: str) -> Form:
    """Tell the form of an output.

    Args:
        shape: its shape.
        classes: number of classes that the metadata name; None if they name none.
        end_to_end: whether the metadata say that boxes are suppressed already.
        where: name of the file, for messages.

    Raises:
        InputError: it is none of the forms.
    """
    listed = f"({', '.join(map(str, shape))})"
    if len(shape) != 3 or shape[0] != 1:
        raise InputError(f"{where} gives {listed}, which is no list of boxes of one image; export it as detection.")
    rows, columns = shape[1:]
    if end_to_end and columns == 6:
        return "end to end"
    if classes is not None:
        fits: dict[Form, bool] = {
            "anchors": rows == 4 + classes,
            "objectness": columns == 5 + classes and rows > columns,
            "end to end": columns == 6 and rows <= MOST_END_TO_END,
        }
        fitting = [form for form, fit in fits.items() if fit]
        if len(fitting) == 1:
            return fitting[0]
        if {"objectness", "end to end"} == set(fitting):  # a single class
            return "end to end"
        if "anchors" in fitting:
            return "anchors"
        raise InputError(
            f"{where} gives {listed}, and its metadata name {classes} classes, of which boxes would be "
            f"({4 + classes}, anchors), (anchors, {5 + classes}) or (boxes, 6); export it again, as detection."
        )
    if columns == 6 and rows <= MOST_END_TO_END:
        return "end to end"
    return "anchors" if rows < columns else "objectness"


def decode(output: Float32, form: Form, least: float) -> RawBoxes:
    """Read the boxes of an output whose confidence is at least ``least``.

    Args:
        output: (rows, columns), without the axis of the batch.
        form: its form.
        least: smallest confidence.
    """
    if form == "end to end":
        confident = output[output[:, 4] >= least]
        return RawBoxes(confident[:, :4], confident[:, 4], confident[:, 5].round().astype(np.int64))
    table = output.T if form == "anchors" else output
    scores = table[:, 4:] if form == "anchors" else table[:, 5:] * table[:, 4:5]
    classes = scores.argmax(axis=1)
    confidence = scores[np.arange(len(scores)), classes]
    chosen = confidence >= least
    centres, halves = table[chosen, :2], table[chosen, 2:4] / 2
    edges = np.concatenate([centres - halves, centres + halves], axis=1)
    return RawBoxes(edges.astype(np.float32), confidence[chosen].astype(np.float32), classes[chosen].astype(np.int64))
