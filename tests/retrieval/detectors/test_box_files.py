from pathlib import Path

import pytest
from PIL import Image

from retrieval.detectors.base import Detector
from retrieval.detectors.registry import open_detector
from retrieval.errors import InputError, MissingFileError
from retrieval.types import Box

IMAGE = Image.new("RGB", (8, 8))


def only_warning(detector: Detector) -> str:
    (warning,) = detector.warnings
    return warning


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
    assert only_warning(detector).endswith(f"left out: 1, the first of {tmp_path / 'a.txt'} line 6.")


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
    ("line", "reason"),
    [
        ("0 .5 .5 .5", "is no box"),
        ("0 .5 .5 .5 .5 .5 .5", "is no box"),
        ("cat .5 .5 .5 .5", "cat"),
        ("3 .5 .5 .5 .5", "class 3 has no name"),
        ("0 nan 0 0 0", "is no box"),
        ("0 120 80 40 30 0.9", "not fractions of the image's width and height; divide pixels"),
        ("0 .5 .5 -.2 .5 .9", "-0.2 wide"),
        ("0 .5 .5 .2 .5 90", "confidence 90 is not between 0 and 1"),
        ("0 .5 .5 .2 .5 -.1", "confidence -0.1 is not"),
    ],
)
def test_lines_that_are_no_boxes_are_told(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "a.txt").write_text(f"0 .5 .5 .5 .5\n{line}\n")
    with pytest.raises(InputError, match=rf"a\.txt line 2.*{reason}"):
        open_detector(tmp_path).detect(IMAGE, Path("a.jpg"))


def test_files_in_the_folders_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\n")
    (tmp_path / "labels" / "a").mkdir(parents=True)
    (tmp_path / "labels" / "1.txt").write_text("0 .5 .5 .5 .5\n")
    (tmp_path / "labels" / "a" / "1.txt").write_text("1 .5 .5 .5 .5\n")
    detector = open_detector(tmp_path)

    def kinds(name: str) -> list[str]:
        return [one.label for one in detector.detect(IMAGE, Path(name))]

    assert kinds("3.jpg") == []
    assert only_warning(detector).startswith(f"{tmp_path} has no text file for any of the 1 images")
    assert [kinds(name) for name in ("1.jpg", "a/1.jpg")] == [["cat"], ["dog"]]
    assert not detector.warnings
    assert kinds("b/1.png") == ["cat"]
    assert f"several images: 1, such as {tmp_path / 'labels' / '1.txt'} for 1.jpg, b/1.png" in only_warning(detector)


def test_blank_lines_among_names(tmp_path: Path) -> None:
    names = tmp_path / "classes.txt"
    names.write_text("cat\ndog\n\n\n")
    assert open_detector(tmp_path).labels == ("cat", "dog")
    for text, reason in (("cat\n\ndog\n", "line 2 is blank, and would be class 1"), ("\n", "names no classes")):
        names.write_text(text)
        with pytest.raises(InputError, match=reason):
            open_detector(tmp_path)
