"""ONNX files of the three forms, and what is no detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.detectors.registry import open_detector
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.types import Box
from tests.support.onnx_files import Model

NAMES = "{0: 'toe drain', 1: 'rock toe'}"
IMAGE = Image.new("RGB", (128, 64))  # fitted into 64 x 64: 64 wide, 32 high, 16 below the top

ANCHORS = np.array(
    [[16, 32, 8, 16, 0.9, 0.1], [16.5, 32, 8, 16, 0.8, 0.1], [16, 32, 8, 16, 0.1, 0.7], [48, 24, 16, 8, 0.2, 0.3]],
    np.float32,
)
"""An object twice, another class at the same place, and one more."""

EXPECTED = [
    (Box(12 / 64, 8 / 32, 8 / 64, 16 / 32), "toe drain", 0.9),
    (Box(12 / 64, 8 / 32, 8 / 64, 16 / 32), "rock toe", 0.7),
    (Box(40 / 64, 4 / 32, 16 / 64, 8 / 32), "rock toe", 0.3),
]


def write(path: Path, output: np.ndarray, **metadata: str) -> Path:
    """A graph that answers the same whatever the image is."""
    return Model(
        inputs={"images": ("float32", (1, 3, 64, 64))},
        outputs={"output0": ("float32", output.shape)},
        nodes=[("Identity", ["boxes"], ["output0"], {})],
        tensors={"boxes": output.astype(np.float32)},
        metadata=metadata,
    ).save(path)


def outputs() -> dict[str, np.ndarray]:
    corners = np.concatenate([ANCHORS[:, :2] - ANCHORS[:, 2:4] / 2, ANCHORS[:, :2] + ANCHORS[:, 2:4] / 2], axis=1)
    ends = np.concatenate([corners, ANCHORS[:, 4:].max(1, keepdims=True), ANCHORS[:, 4:].argmax(1)[:, None]], axis=1)
    objectness = np.insert(ANCHORS, 4, 0.5, axis=1)
    objectness[:, 5:] *= 2
    padded = np.zeros((20, 7), np.float32)
    padded[:4] = objectness
    many = np.zeros((6, 50), np.float32)
    many[:, :4] = ANCHORS.T
    return {"anchors": many[None], "objectness": padded[None], "ends": ends[[0, 2, 3]][None]}


@pytest.mark.parametrize("form", ["anchors", "objectness", "ends"])
def test_the_three_forms_give_the_same_objects(tmp_path: Path, form: str) -> None:
    said = {"names": NAMES, "task": "detect", "end2end": str(form == "ends"), "imgsz": "[64, 64]", "stride": "32"}
    detector = open_detector(write(tmp_path / "a.onnx", outputs()[form], **said))
    assert detector.labels == ("toe drain", "rock toe")
    found = detector.detect(IMAGE, tmp_path / "a.jpg")
    assert [(one.label, round(one.confidence, 6)) for one in found] == [(label, c) for _, label, c in EXPECTED]
    for one, (box, _, _) in zip(found, EXPECTED, strict=True):
        assert one.box == pytest.approx(box)


def test_the_names_of_the_file_count_whatever_their_order(tmp_path: Path) -> None:
    said = {"names": "['rock toe', 'toe drain']", "end2end": "True"}
    found = open_detector(write(tmp_path / "a.onnx", outputs()["ends"], **said)).detect(IMAGE, tmp_path / "a.jpg")
    assert [one.label for one in found] == ["rock toe", "toe drain", "toe drain"]


def test_a_detector_that_finds_nothing(tmp_path: Path) -> None:
    empty = write(tmp_path / "a.onnx", np.zeros((1, 6, 50), np.float32), names=NAMES)
    assert open_detector(empty).detect(IMAGE, tmp_path / "a.jpg") == ()
    sure = open_detector(write(tmp_path / "b.onnx", outputs()["anchors"], names=NAMES), least=0.95)
    assert sure.detect(IMAGE, tmp_path / "a.jpg") == ()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"task": "segment", "names": NAMES}, "of the task segment and gives masks"),
        ({"task": "pose", "names": NAMES}, "of the task pose and gives key points"),
        ({"names": "{0: __import__('os')}"}, "cannot be read"),
        ({"names": "3"}, "cannot be read"),
    ],
)
def test_other_tasks_and_strange_metadata_are_refused(tmp_path: Path, said: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        open_detector(write(tmp_path / "a.onnx", outputs()["anchors"], **said))


def test_a_class_without_a_name_is_refused(tmp_path: Path) -> None:
    strange = outputs()["ends"].copy()
    strange[0, 0, 5] = 7
    detector = open_detector(write(tmp_path / "a.onnx", strange, names=NAMES, end2end="True"))
    with pytest.raises(InputError, match="class 7, which its metadata do not name"):
        detector.detect(IMAGE, tmp_path / "a.jpg")


def test_what_is_no_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"x")
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "a.txt").write_bytes(b"x")
    cases: list[tuple[str, type[Exception], str]] = [
        ("best.pt", InputError, r"yolo export model=best\.pt format=onnx"),
        ("a.txt", InputError, "no detector"),
        ("gone.onnx", MissingFileError, "no detector"),
        ("a.onnx", WeightsError, "no ONNX model"),
    ]
    for name, kind, reason in cases:
        with pytest.raises(kind, match=reason):
            open_detector(tmp_path / name)


def test_an_input_that_is_no_image_is_refused(tmp_path: Path) -> None:
    boxes: Any = outputs()["anchors"]
    model = Model(
        {"tokens": ("int64", (1, 77))}, {"o": ("float32", boxes.shape)}, [("Identity", ["b"], ["o"], {})], {"b": boxes}
    )
    with pytest.raises(InputError, match="does not take one image"):
        open_detector(model.save(tmp_path / "a.onnx"))
