from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexers.sources.registry import open_source
from retrieval.errors import InputError


def fill(root: Path, *uris: str) -> Path:
    """Touch files: sources look at names, never inside."""
    for uri in uris:
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).touch()
    return root


def listed(root: Path) -> list[tuple[str, str | None, str | None]]:
    return [(sample.uri, sample.label, sample.split) for sample in open_source(root, "folder")]


def test_labels(tmp_path: Path) -> None:
    fill(tmp_path, "b/2.png", "b/10.png", "a x/1.JPG", "a x/deep/er/0.webp")
    assert listed(tmp_path) == [
        ("a x/1.JPG", "a x", None),
        ("a x/deep/er/0.webp", "a x", None),
        ("b/10.png", "b", None),
        ("b/2.png", "b", None),
    ]


def test_splits_in_any_spelling(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "Train/a/1.png",
        "validation/a/2.png",
        "valid/a/3.png",
        "TEST/b/4.png",
        "query/a/5.png",
        "gallery/a/6.png",
    )
    assert {(uri, split) for uri, _, split in listed(tmp_path)} == {
        ("Train/a/1.png", "train"),
        ("validation/a/2.png", "val"),
        ("valid/a/3.png", "val"),
        ("TEST/b/4.png", "test"),
        ("query/a/5.png", "query"),
        ("gallery/a/6.png", "gallery"),
    }
    assert {label for _, label, _ in listed(tmp_path)} == {"a", "b"}


def test_one_other_folder_makes_all_of_them_labels_and_is_noted(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "train/a/1.png", "test/a/2.png", "cats/3.png"), "folder")
    assert {(sample.label, sample.split) for sample in source} == {("train", None), ("test", None), ("cats", None)}
    assert source.notes == ["Folders test, train are taken as labels, not as splits, because 'cats' is no split."]


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "JPG", "Png"])
def test_image_suffixes(tmp_path: Path, suffix: str) -> None:
    assert len(listed(fill(tmp_path, f"a/1.{suffix}"))) == 1


def test_other_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "a/.2.png", "a/readme.txt", "a/png", ".git/x.png", "__MACOSX/a/1.png", "a/.thumbs/1.png")
    assert [uri for uri, _, _ in listed(tmp_path)] == ["a/1.png"]


def test_links_are_followed_but_not_in_circles_and_broken_ones_counted(tmp_path: Path) -> None:
    real = fill(tmp_path / "real", "x.png", "more/y.png")
    root = fill(tmp_path / "root", "a/1.png")
    (root / "a" / "link.png").symlink_to(real / "x.png")
    (root / "b").symlink_to(real / "more")
    (root / "a" / "circle").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "broken.png").symlink_to(real / "gone.png")
    source = open_source(root, "folder")
    assert [sample.uri for sample in source] == ["a/1.png", "a/link.png", "b/y.png"]
    assert [(problem.where, problem.missing) for problem in source.problems] == [("a/broken.png", True)]


def test_a_file_name_that_is_no_unicode_is_a_problem(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png")
    (tmp_path / "a" / os.fsdecode(b"\xff.png")).touch()
    source = open_source(tmp_path, "folder")
    assert [sample.uri for sample in source] == ["a/1.png"]
    (problem,) = source.problems
    assert problem.where.encode() == b"a/\\udcff.png"
    assert "rename it" in problem.reason


@pytest.mark.parametrize("stray", ["0.png", "train/0.png"])
def test_images_without_a_label_are_problems(tmp_path: Path, stray: str) -> None:
    source = open_source(fill(tmp_path, "train/a/1.png", "val/a/1.png", stray), "folder")
    assert len(list(source)) == 2
    ((where, reason, missing, _),) = source.problems
    assert (where, missing) == (stray, False)
    assert "put it into a folder named after its label" in reason


def test_only_images_without_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"outside any label folder \(2, first 1.png\); sort them"):
        listed(fill(tmp_path, "1.png", "2.png"))


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        listed(tmp_path)
    with pytest.raises(InputError, match="holds no images"):
        listed(fill(tmp_path, "a/notes.txt"))


def test_an_empty_label_is_noted(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    source = open_source(fill(tmp_path, "a/1.png"), "folder")
    assert len(list(source)) == 1
    assert source.notes == ["Folder 'b' holds no images."]


def test_dots_in_the_folder_name_belong_to_the_name(tmp_path: Path) -> None:
    fill(tmp_path / "set.v1", "a/1.png")
    assert open_source(tmp_path / "set.v1").name == "folder:set.v1"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    with pytest.raises(InputError, match="is a file, not a folder"):
        open_source(tmp_path / "a.png", "folder")
