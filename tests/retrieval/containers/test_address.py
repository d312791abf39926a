"""One path for a file and for an image in a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.containers import MemberAddress, containing_file, member_address


@pytest.mark.parametrize(
    ("text", "file", "member"),
    [
        ("s/0.tar::k.jpg", "s/0.tar", "k.jpg"),
        ("s/0.TAR::a/b/k.jpg", "s/0.TAR", "a/b/k.jpg"),
        ("x::y/train-0.parquet::image/3", "x::y/train-0.parquet", "image/3"),
        ("a.tar::b.tar::c", "a.tar", "b.tar::c"),
        (f"a.tar::{'k' * 300}.jpg", "a.tar", f"{'k' * 300}.jpg"),
    ],
)
def test_addresses(text: str, file: str, member: str) -> None:
    assert member_address(Path(text)) == MemberAddress(Path(file), member)
    assert containing_file(Path(text)) == Path(file)


@pytest.mark.parametrize("text", ["a.jpg", "a.tar", "a.tar::", "::a.jpg", "a::b.jpg", "a.zip::b.jpg", "a.tar:b.jpg"])
def test_plain_files(text: str) -> None:
    assert member_address(Path(text)) is None
    assert containing_file(Path(text)) == Path(text)


def test_a_file_of_such_a_name_is_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tar::b.jpg"
    path.touch()
    assert member_address(path) is None
