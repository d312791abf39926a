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
    source = open_source(fill(tmp_path, "train/1.png", "test/2.png", "cats/3.png"), "folder")
    assert {(sample.label, sample.split) for sample in source} == {("train", None), ("test", None), ("cats", None)}
    assert source.notes[0] == (
        "Taken as labels: cats, test, train; but test, train are words for splits. Say `split=cats=none` "
        "`levels=split` if they are splits, or `levels=label` if these are the labels."
    )


def test_a_folder_without_images_does_not_make_splits_labels(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "train/a/1.png", "test/a/2.png", "notes/a.txt"), "folder")
    assert {(sample.label, sample.split) for sample in source} == {("a", "train"), ("a", "test")}
    assert source.notes == ["Folder 'notes' holds no images."]


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
    with pytest.raises(InputError, match=r"outside any label folder \(2, first 1.png\); sort them.* `levels=_`"):
        listed(fill(tmp_path, "1.png", "2.png"))
    assert [sample.label for sample in open_source(tmp_path, "folder", options={"levels": "_"})] == [None, None]


def test_splits_of_images_without_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`levels=split` .* or are the folders the labels \(`levels=label`\)\?"):
        listed(fill(tmp_path, "train/1.png", "val/2.png"))
    assert {sample.label for sample in open_source(tmp_path, "folder", options={"levels": "label"})} == {"train", "val"}
    source = open_source(tmp_path, "folder", options={"levels": "split"})
    assert [(sample.label, sample.split) for sample in source] == [(None, "train"), (None, "val")]


@pytest.mark.parametrize(
    ("levels", "fields"),
    [
        ("label", ("a", None, None, None)),
        ("_/label", ("b", None, None, None)),
        ("label/label", ("a/b", None, None, None)),
        ("identity/camera/group", (None, "a", "b", "c")),
        ("_/_/identity", (None, "c", None, None)),
    ],
)
def test_levels(tmp_path: Path, levels: str, fields: tuple[str | None, ...]) -> None:
    (sample,) = open_source(fill(tmp_path, "a/b/c/1.png"), "folder", options={"levels": levels})
    assert (sample.label, sample.identity, sample.camera, sample.group) == fields


def test_a_level_that_an_image_lacks(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "a/b/1.png", "a/2.png"), "folder", options={"levels": "_/label"})
    assert [sample.label for sample in source] == ["b"]
    assert [problem.where for problem in source.problems] == ["a/2.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": "split/lable"}, "no level 'lable'. Did you mean 'label'"),
        ({"levels": "split/split/label"}, "has split twice"),
        ({"levels": "split/label"}, r"no splits .*: 'dogs' \(2\), 'cats' \(1\).*`split=cats=none`.*`levels`"),
        ({"split": {"cats": "train"}}, r"no splits .*: 'dogs' \(2\)"),
        ({"split": {"cat": "train"}}, "has no 'cat'"),
        ({"split": {"cats": "trian"}}, "'trian' is no split; write WORD=SPLIT"),
        ({"split": {"a": "train", "*": "test"}}, "has no 'a'"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, object], message: str) -> None:
    fill(tmp_path, "cats/x/1.png", "dogs/x/1.png", "dogs/y/1.png")
    with pytest.raises(InputError, match=message):
        list(open_source(tmp_path, "folder", options=options))


def test_a_split_of_all_samples(tmp_path: Path) -> None:
    fill(tmp_path, "cats/1.png", "dogs/1.png")
    assert {sample.split for sample in open_source(tmp_path, "folder", options={"split": "train"})} == {"train"}
    fill(tmp_path / "set", "train/cats/1.png", "test/cats/1.png")
    with pytest.raises(InputError, match=r"has splits \(test, train\), so .*`split=test=train`"):
        list(open_source(tmp_path / "set", "folder", options={"split": "train"}))
    source = open_source(tmp_path / "set", "folder", options={"split": "test=train"})
    assert [sample.split for sample in source] == ["train", "train"]


def test_test_beside_query_is_the_gallery(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "test/1/a.png", "query/1/b.png", "train/2/c.png"), "folder")
    assert [sample.split for sample in source] == ["query", "gallery", "train"]
    assert source.notes == ["Folder test is taken as gallery, because queries stand beside it."]


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
