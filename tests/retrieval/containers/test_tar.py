"""Members of tar files: what is whole is listed and read at its place, and damage is told where it is."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.containers.tar import TarError, open_tar_member, tar_members
from retrieval.errors import InputError

CONTENT = {"a.jpg": b"A" * 700, "deep/b.jpg": b"B" * 512, "c.txt": b"", "ä/d.png": b"D" * 3}


def write_tar(path: Path, content: dict[str, bytes] | None = None, form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in (CONTENT if content is None else content).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def listed(path: Path) -> tuple[list[str], str]:
    """Return the names of the members, and the damage with its member."""
    names: list[str] = []
    try:
        names.extend(member.name for member in tar_members(path))
    except TarError as damage:
        return names, f"{damage} ({damage.member})"
    return names, ""


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_read_at_their_place(tmp_path: Path, form: int) -> None:
    long = "x" * 90 + "/" + "y" * 90 + ".jpg"
    path = write_tar(tmp_path / "a.tar", CONTENT | {long: b"long"}, form)
    assert listed(path) == ([*CONTENT, long], "")
    for name, data in (CONTENT | {long: b"long"}).items():
        with open_tar_member(path, name) as file:
            assert file.read(2) + file.read() == data


def test_folders_are_no_members_and_links_are_no_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (("./d", tarfile.DIRTYPE), ("./d/l.jpg", tarfile.SYMTYPE), ("./d/f.jpg", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert [(member.name, member.is_file) for member in tar_members(tmp_path / "a.tar")] == [
        ("d/l.jpg", False),
        ("d/f.jpg", True),
    ]
    with pytest.raises(InputError, match=r"a\.tar has no member 'd/l\.jpg'"):
        open_tar_member(tmp_path / "a.tar", "d/l.jpg")


def test_the_first_of_two_members_of_a_name_is_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for data in (b"one", b"two"):
            info = tarfile.TarInfo("a.jpg")
            info.size = 3
            tar.addfile(info, io.BytesIO(data))
    with open_tar_member(tmp_path / "a.tar", "a.jpg") as file:
        assert file.read() == b"one"


def test_a_file_that_was_written_again_is_listed_again(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.jpg": b"old"})
    with open_tar_member(path, "a.jpg") as file:
        assert file.read() == b"old"
    write_tar(path, {"b" * 600 + ".jpg": b"x", "a.jpg": b"newer"})
    with open_tar_member(path, "a.jpg") as file:
        assert file.read() == b"newer"


@pytest.mark.parametrize(
    ("cut", "names", "said"),
    [
        (512 + 100, [], "it is cut off in this member (a.jpg)"),
        (512 + 1024 + 100, ["a.jpg"], "it is cut off after this member (a.jpg)"),
        (512 + 1024 + 512 + 511, ["a.jpg"], "it is cut off in this member (deep/b.jpg)"),
        (0, [], "it is empty ()"),
        (100, [], "it is cut off ()"),
    ],
)
def test_a_file_that_is_cut_off(tmp_path: Path, cut: int, names: list[str], said: str) -> None:
    path = write_tar(tmp_path / "a.tar", form=tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:cut])
    assert listed(path) == (names, said)
    for name in names:
        with open_tar_member(path, name) as file:
            assert file.read() == CONTENT[name]


def test_a_file_that_is_cut_off_between_members(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", form=tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[: 512 + 1024])
    names, told = listed(path)
    assert names == ["a.jpg"]
    assert told.startswith("it ends without an end mark, so it may be cut off here, after 1 member;")
    path.write_bytes(path.read_bytes() + bytes(1024))
    assert listed(path) == (["a.jpg"], "")


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10240))
def test_wherever_a_file_is_cut_no_member_is_half(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = write_tar(tmp_path_factory.mktemp("cut") / "a.tar", form=tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:cut])
    names, told = listed(path)
    assert names == list(CONTENT)[: len(names)]
    assert told or len(names) == len(CONTENT)
    for name in names:
        with open_tar_member(path, name) as file:
            assert file.read() == CONTENT[name]


def test_damage_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", form=tarfile.USTAR_FORMAT)
    data = bytearray(path.read_bytes())
    data[512 + 1024 + 5 : 512 + 1024 + 300] = random.Random(0).randbytes(295)
    path.write_bytes(data)
    assert listed(path) == (["a.jpg"], "it is damaged after this member (a.jpg)")


def test_joined_files_are_told(tmp_path: Path) -> None:
    one, two = write_tar(tmp_path / "a.tar"), write_tar(tmp_path / "b.tar", {"e.jpg": b"E" * 100_000})
    one.write_bytes(one.read_bytes() + bytes(1 << 16) + two.read_bytes())
    names, said = listed(one)
    assert names == list(CONTENT)
    assert "more follows the end mark" in said


@pytest.mark.parametrize(
    ("data", "said"), [(b"\x1f\x8b\x08" + b"x" * 2000, "gunzip"), (b"<html>" * 200, "it is no tar file")]
)
def test_what_is_no_tar_file(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    names, damage = listed(tmp_path / "a.tar")
    assert names == []
    assert said in damage
