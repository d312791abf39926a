"""Images that an export names by address or number."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.sources.photo_files import PhotoFiles, PhotoWay, address_tail, choose_way, photo_number


@pytest.mark.parametrize(
    ("address", "tail", "number"),
    [
        (
            "https://inaturalist-open-data.s3.amazonaws.com/photos/2735077/original.jpg",
            "2735077/original.jpg",
            "2735077",
        ),
        ("https://static.inaturalist.org/photos/12/large.jpeg?1545", "12/large.jpeg", "12"),
        ("https://observation.org/photos/8126181.jpg", "photos/8126181.jpg", "8126181"),
        ("https://x.org/a%20b/c%2Fd.jpg", "c/d.jpg", ""),
        ("img/0.jpg", "img/0.jpg", ""),
        ("0.jpg", "/0.jpg", ""),
        ("", "/", ""),
    ],
)
def test_parts_of_an_address(address: str, tail: str, number: str) -> None:
    assert (address_tail(address), photo_number(address)) == (tail, number)


def test_files_are_known_by_parts_of_their_paths(tmp_path: Path) -> None:
    for uri in ("a/12_1.jpg", "b/12-2.x.png", "12.jpg", "notes.txt"):
        (tmp_path / uri).parent.mkdir(exist_ok=True)
        (tmp_path / uri).touch()
    files = PhotoFiles(tmp_path)
    assert files.by_start == {"12": ["12.jpg", "a/12_1.jpg", "b/12-2.x.png"]}
    assert (files.by_tail["/12.jpg"], files.by_folder["a"], files.by_stem["12-2.x"]) == (
        ["12.jpg"],
        ["a/12_1.jpg"],
        ["b/12-2.x.png"],
    )


def test_the_way_by_which_most_images_have_a_row_is_taken() -> None:
    rows = [{"key": str(at)} for at in range(4)]
    same = PhotoWay("same", lambda _: ["original.jpg"])
    some = PhotoWay("some", lambda cells: [cells["key"]] if cells["key"] in "01" else [])
    several = PhotoWay("several", lambda cells: [f"a{cells['key']}", f"b{cells['key']}"])
    assert choose_way([same, several, some], rows) == (some, 2)
    assert choose_way([same, several._replace(many=True), some], rows)[0].what == "several"
    assert choose_way([several], rows) == (several, 8)
    assert choose_way([PhotoWay("none", lambda _: [])], rows)[1] == 0
