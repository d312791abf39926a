from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from indexers.sources.image_paths import ImagePaths, PathError
from retrieval.errors import InputError


def make(root: Path, *uris: str) -> Path:
    for uri in uris:
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).touch()
    return root


def found(root: Path, *texts: str, digits: int | None = None) -> tuple[list[str], list[str]]:
    """Return the uris of cells (or the reason that there is none), and the notes."""
    paths = ImagePaths(root, digits)
    paths.prepare(lambda: texts)
    results = []
    for text in texts:
        try:
            results.append(paths.uri(text))
        except PathError as error:
            results.append(f"! {error}")
    return results, paths.notes()


@pytest.mark.parametrize(
    "text",
    [
        "sub/c.jpg",
        "./sub/c.jpg",
        "sub//c.jpg",
        "sub/../sub/c.jpg",
        "sub\\c.jpg",
        "{root}/sub/c.jpg",
        "file://{root}/sub/c.jpg",
    ],
)
def test_paths_as_they_are_written(tmp_path: Path, text: str) -> None:
    make(tmp_path, "sub/c.jpg")
    assert found(tmp_path, text.format(root=tmp_path)) == (["sub/c.jpg"], [])


@pytest.mark.parametrize(
    ("text", "uri", "note"),
    [
        ("images/img_1.jpg", "Images/IMG_1.JPG", "differ from the names of files in case"),
        (
            "my%20photo.jpg",
            "my photo.jpg",
            "such as %20, which were decoded: 1 (first",
        ),
        (unicodedata.normalize("NFD", "Röhrling.jpg"), unicodedata.normalize("NFC", "Röhrling.jpg"), "accents"),
        (unicodedata.normalize("NFC", "Öl.jpg"), unicodedata.normalize("NFD", "Öl.jpg"), "accents"),
    ],
)
def test_names_that_differ_as_file_systems_let_them(tmp_path: Path, text: str, uri: str, note: str) -> None:
    make(tmp_path, uri, "other.jpg")
    uris, notes = found(tmp_path, text, "other.jpg")
    assert uris == [uri, "other.jpg"]
    assert note in notes[0]


def test_two_files_that_differ_in_case_only(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "A.jpg")
    assert found(tmp_path, "a.jpg", "A.jpg") == (["a.jpg", "A.jpg"], [])
    (reason,), _ = found(tmp_path, "a.JPG")
    assert "several files fit 'a.JPG': A.jpg, a.jpg" in reason


@pytest.mark.parametrize(
    "prefix", ["/home/x/data/", "C:\\Users\\x\\data\\", "file:///home/x/data/", "../data/", "data/set/"]
)
def test_paths_of_another_machine_keep_their_end(tmp_path: Path, prefix: str) -> None:
    make(tmp_path, "img/a.jpg", "img/b.jpg", "b.jpg")
    texts = [f"{prefix}img{prefix[-1]}{name}.jpg" for name in "ab"]
    if prefix.startswith(".."):
        with pytest.raises(InputError, match="lies outside the image root"):
            found(tmp_path, *texts)
        return
    uris, notes = found(tmp_path, *texts, f"{prefix}img{prefix[-1]}gone.jpg")
    assert uris[:2] == ["img/a.jpg", "img/b.jpg"]
    assert uris[2].startswith("! there is no image")
    assert notes[0].startswith("Paths that begin with '")
    assert "which is not here and was left out: 2 (first '" in notes[0]


def test_folders_are_left_out_only_where_all_paths_have_them(tmp_path: Path) -> None:
    """The image of another folder is not taken for a missing one of the same name."""
    make(tmp_path, "1.jpg", "2.jpg")
    uris, _ = found(tmp_path, "/x/train/1.jpg", "/x/test/2.jpg")
    assert uris[0] == "1.jpg"
    assert uris[1].startswith("! there is no image '/x/test/2.jpg'")
    make(tmp_path, "sub/3.jpg")
    uris, _ = found(tmp_path, "1.jpg", "3.jpg")
    assert uris[1].startswith("! there is no image '3.jpg'")


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".PNG"])
def test_ids_without_suffix_are_looked_up_below_the_root(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, f"train/00001{suffix}", f"train/0/0/000a{suffix}", "notes.txt", ".hidden/00001.jpg")
    uris, notes = found(tmp_path, "00001", "000a", "00002")
    assert uris[:2] == [f"train/00001{suffix}", f"train/0/0/000a{suffix}"]
    assert uris[2] == f"! there is no image '00002' under {tmp_path.name}"
    assert notes == [f"Images found by their names below {tmp_path.name}: 2 (first '00001' is train/00001{suffix})."]


def test_names_without_folder_are_looked_up_too(tmp_path: Path) -> None:
    make(tmp_path, "train/a.jpg", "train/x/b.jpg")
    assert found(tmp_path, "a.jpg", "x/b.jpg", "y/b.jpg")[0][:2] == ["train/a.jpg", "train/x/b.jpg"]


def test_two_images_that_fit_one_id_are_not_chosen_between(tmp_path: Path) -> None:
    make(tmp_path, "train/1.tif", "train/1.jpg", "train/2.tif")
    uris, _ = found(tmp_path, "1", "2")
    assert uris[0].startswith("! several images fit '1': train/1.jpg, train/1.tif; write folder and suffix")
    assert uris[1] == "train/2.tif"


@pytest.mark.parametrize("texts", [("7", "00008"), ("7.tif", "00008.tif"), ("train/7.tif", "train/00008.tif")])
def test_leading_zeros_that_were_lost_are_said_and_can_be_filled_up(tmp_path: Path, texts: tuple[str, str]) -> None:
    make(tmp_path, "train/00007.tif", "train/00008.tif")
    root = tmp_path / "train" if texts[0] == "7.tif" else tmp_path
    uris, _ = found(root, *texts)
    assert f"! there is no image '{texts[0]}', but " in uris[0]
    assert "leading zeros seem to be lost; if so, set `id_digits=5`" in uris[0]
    uris, notes = found(root, *texts, digits=5)
    assert [uri[-9:] for uri in uris] == ["00007.tif", "00008.tif"]
    assert "filled up with zeros to 5 digits: 1 " in " ".join(notes)


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "http://x/a.jpg", "s3://bucket/a.jpg"])
def test_web_addresses_are_not_opened(tmp_path: Path, address: str) -> None:
    make(tmp_path, "a.jpg")
    assert found(tmp_path, address)[0] == [
        f"! '{address}' is a web address, and nothing is downloaded; save the images and list them"
    ]


def test_what_lies_below_the_root(tmp_path: Path) -> None:
    assert ImagePaths(tmp_path).contents() == "holds no images"
    make(tmp_path, "b.jpg", "a/c.png", "a/d.png", "x.txt")
    assert ImagePaths(tmp_path).contents() == "holds 3 images (a/c.png, a/d.png, ...)"
