from pathlib import Path

import pytest
from PIL import Image

from retrieval.detectors.registry import open_detector
from retrieval.errors import InputError, MissingFileError
from retrieval.types import Box

IMAGE = Image.new("RGB", (8, 8))


def test_boxes_with_confidences(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "a.txt").write_text(
        "0 .5 .5 .5 .5 .4\n1 .9 .5 .4 .5 .8\n\n1 .1 .1 .1 .1\n0 .5 .5 .1 .1 .1\n0 2 2 .1 .1 1\n"
    )
    detector = open_detector(tmp_path)
    assert detector.labels == ("cat", "dog")
    found = detector.detect(IMAGE, Path("elsewhere/a.jpg"))
    assert [(one.label, one.confidence) for one in found] == [("dog", 1.0), ("dog", 0.8), ("cat", 0.4)]
    assert found[1].box == pytest.approx(Box(0.7, 0.25, 0.3, 0.5))
    assert detector.detect(IMAGE, Path("b.jpg")) == ()


def test_names_above_the_folder(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    with pytest.raises(MissingFileError, match=r"no data\.yaml or classes\.txt"):
        open_detector(labels)
    (tmp_path / "data.yaml").write_text("names: {0: cat}\n")
    assert open_detector(labels).labels == ("cat",)
    (tmp_path / "data.yaml").write_text("train: x\n")
    with pytest.raises(InputError, match="names no classes"):
        open_detector(labels)


@pytest.mark.parametrize(
    "line", ["0 .5 .5 .5", "0 .5 .5 .5 .5 .5 .5", "cat .5 .5 .5 .5", "3 .5 .5 .5 .5", "0 nan 0 0 0"]
)
def test_lines_that_are_no_boxes_are_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "a.txt").write_text(f"0 .5 .5 .5 .5\n{line}\n")
    with pytest.raises(InputError, match=r"a\.txt line 2"):
        open_detector(tmp_path).detect(IMAGE, Path("a.jpg"))
