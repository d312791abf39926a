"""Shards by folder, file and pattern, and the splits in their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.sources.registry import guess_kind
from indexers.sources.shard_files import find_shards, is_pattern, note_split_folders, shard_word
from retrieval.errors import InputError, MissingFileError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = ("a-000008.tar", "a-000009.tar", "a-000010.tar", "b-000008.tar", "deep/x.TAR", ".hidden.tar", "notes.txt")
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set" / "folder.tar").mkdir()
    (tmp_path / "set" / "deep" / "loop").symlink_to("..")
    return tmp_path / "set"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["a-000008.tar", "a-000009.tar", "a-000010.tar", "b-000008.tar", "deep/x.TAR"]),
        ("a-000008.tar", ["a-000008.tar"]),
        ("a-{000008..000010}.tar", ["a-000008.tar", "a-000009.tar", "a-000010.tar"]),
        ("{a,b}-000008.tar", ["a-000008.tar", "b-000008.tar"]),
        ("{a,b}-00000?.tar", ["a-000008.tar", "a-000009.tar", "b-000008.tar"]),
        ("*-{000009..000010}.tar", ["a-000009.tar", "a-000010.tar"]),
        ("a-00000[89].tar", ["a-000008.tar", "a-000009.tar"]),
    ],
)
def test_what_is_meant(root: Path, pattern: str, names: list[str]) -> None:
    shards = find_shards(root / pattern, (".tar",))
    assert (shards.root, list(shards.names), shards.is_folder) == (root, names, not pattern)
    assert all(path.is_file() for _, path in shards.paths())


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("a-{000008..000012}.tar", MissingFileError, "stands for 5 files, of which 2 are not there"),
        ("c-*.tar", MissingFileError, "There is no file"),
        ("gone.tar", MissingFileError, "There is no file or folder"),
        ("notes.txt", InputError, r"is not \*\.tar"),
        ("*.txt", InputError, "other files than"),
        ("folder.tar", InputError, r"holds no \*\.tar"),
        ("{0..999999999}.tar", InputError, "more than 100,000 files"),
        ("{000..999}{000..999}.tar", InputError, "more than 100,000 files"),
    ],
)
def test_what_is_not_there(root: Path, pattern: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        find_shards(root / pattern, (".tar",))


@pytest.mark.parametrize("path", ["x.tar.gz", ""])
def test_packed_shards_are_named_with_the_way_out(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.tar.gz").touch()
    for look in (lambda: find_shards(tmp_path / path, (".tar",)), lambda: guess_kind(tmp_path / path)):
        with pytest.raises(InputError, match=r"packed by gzip.*; unpack .* gunzip"):
            look()


def test_a_folder_whose_name_reads_like_a_pattern_is_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a{1}[b]").mkdir()
    assert not is_pattern(tmp_path / "a{1}[b]")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/validation-00000-of-00001.parquet", "val"),
        ("default/test/0000.parquet", "test"),
        ("imagenet-val-000012.tar", "val"),
        ("train/shard-000000.tar", "train"),
        ("train/imagenet-val-000000.tar", "val"),
        ("pretrain/imagenet-val-000000.tar", "pretrain"),
        ("test/cc3m-train-test-00.tar", "test"),
        ("000000.tar", None),
        ("cc3m-train-test-00.tar", None),
        ("set-pretrain-000.tar", "pretrain"),
    ],
)
def test_the_split_of_a_shard(name: str, word: str | None) -> None:
    assert shard_word(name, {"pretrain"}) == word


def test_a_shard_in_the_folder_of_another_split_is_told() -> None:
    names = ("train/imagenet-val-000000.tar", "train/imagenet-train-000000.tar", "val/a-validation-0.tar", "test/0.tar")
    (note,) = note_split_folders(names, ())
    assert note.startswith("1 file lies in a folder of another split than the name says (first train/imagenet-val-0000")
    assert "`split=train=train` takes the folder" in note
    assert shard_word(names[0], {"train"}) == "train"
    assert note_split_folders(names, {"train"}) == []
