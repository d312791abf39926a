"""Downloads of GBIF, and images that people downloaded by them under names of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError, MissingFileError
from retrieval.types import Sample
from tests.support.shards import encoded_image

MEDIA = """gbifID type format identifier license creator
101 StillImage image/jpeg https://inat.org/photos/11/original.jpg CC0 Ann
101 StillImage image/jpeg https://inat.org/photos/12/original.jpg CC0 Ann
102 StillImage image/jpeg https://inat.org/photos/13/original.jpg CC-BY "Bo
103 Sound audio/mp3 https://inat.org/sounds/1.mp3 CC0 Ann
"""
OCCURRENCES = """gbifID basisOfRecord eventDate decimalLatitude genus species recordedBy
101 HUMAN_OBSERVATION 2020-05-01T10:00:00 48.5 Parus Parus_major "Ann
102 HUMAN_OBSERVATION 2021-06-02 47.25 Sitta  Bo"
103 HUMAN_OBSERVATION  1 Apus Apus_apus Bo
"""


def make(root: Path, *images: str, media: str | None = MEDIA) -> Path:
    root = root / "birds"
    root.mkdir(parents=True)
    for at, uri in enumerate(images):
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).write_bytes(encoded_image(at))
    for name, text in (("multimedia", media), ("occurrence", OCCURRENCES)):
        if text is not None:
            (root / f"{name}.txt").write_text(text.replace(" ", "\t"))
    return root


def read(root: Path, kind: str | None = None, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(root, kind, options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


@pytest.mark.parametrize(
    ("names", "way"),
    [
        (("photos/11/original.jpg", "photos/12/original.jpg", "photos/13/original.jpg"), "the end of the address"),
        (("img/11.jpg", "img/12.jpg", "img/13.png"), "the number of the photo"),
        (("101_1.jpg", "101_2.jpg", "102.jpg"), "the gbifID that begins the name"),
        (("101-a.jpg", "101.jpg", "102_20931.jpg"), "the gbifID that begins the name"),
    ],
)
def test_ways_to_name_the_images(tmp_path: Path, names: tuple[str, ...], way: str) -> None:
    root = make(tmp_path, *names)
    assert guess_kind(root) == "gbif"
    samples, source = read(root)
    assert [(s.uri, s.label, s.group) for s in samples] == [
        (names[0], "Parus_major", "101"),
        (names[1], "Parus_major", "101"),
        (names[2], None, "102"),
    ]
    assert any(f"Images are matched by {way}" in note and "3 of 3" in note for note in source.notes)
    assert (str(samples[0].captured_at), samples[0].meta["decimal_latitude"]) == ("2020-05-01 10:00:00", 48.5)
    assert ("creator" in samples[0].meta) == ("gbifID" not in way)
    assert "recorded_by" not in samples[0].meta


def test_what_has_no_image_is_counted(tmp_path: Path) -> None:
    samples, source = read(make(tmp_path, "11.jpg", "stray.jpg"))
    assert [s.uri for s in samples] == ["11.jpg"]
    assert source.tally.left_out == {
        "rows without an image": 2,
        "media that are no images": 1,
        "images that no row lists": 1,
    }
    _, source = read(make(tmp_path / "ids", "101.jpg", "stray.jpg"))
    assert source.tally.left_out == {"rows without an image": 3, "images that no row lists": 1}


def test_another_label_and_another_folder_of_images(tmp_path: Path) -> None:
    root = make(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for name in ("11.jpg", "13.jpg"):
        (tmp_path / "elsewhere" / name).write_bytes(encoded_image(1))
    samples, source = read(root, image_root=tmp_path / "elsewhere", columns={"label": "genus"})
    assert [(s.uri, s.label) for s in samples] == [("11.jpg", "Parus"), ("13.jpg", "Sitta")]
    assert source.name == "gbif:birds"


def test_images_without_a_table_of_media(tmp_path: Path) -> None:
    root = make(tmp_path, "101_1.jpg", "103_x.jpg", media=None)
    assert [(s.uri, s.label) for s in read(root, "gbif")[0]] == [
        ("101_1.jpg", "Parus_major"),
        ("103_x.jpg", "Apus_apus"),
    ]


def test_several_images_for_one_address(tmp_path: Path) -> None:
    samples, source = read(make(tmp_path, "big/11.jpg", "small/11.jpg", "big/12.jpg"))
    assert [s.uri for s in samples] == ["big/12.jpg"]
    assert source.tally.left_out["several images of one name"] == 1
    assert source.problems[0].reason.startswith("several images fit: big/11.jpg, small/11.jpg; set `image_root`")


def test_media_of_an_occurrence_that_is_not_listed(tmp_path: Path) -> None:
    media = MEDIA.replace("102 StillImage", "999 StillImage")
    _, source = read(make(tmp_path, "11.jpg", "13.jpg", media=media))
    assert source.tally.left_out["media without an occurrence"] == 1
    assert any("gbifID 999 is not in occurrence.txt" in problem.reason for problem in source.problems)


def test_a_row_that_is_cut_off_is_told(tmp_path: Path) -> None:
    root = make(tmp_path, "11.jpg", media=MEDIA.rstrip("\n") + "\n104 Still")
    _, source = read(root)
    assert any(problem.where == "multimedia.txt row 6" for problem in source.problems)


def test_none_of_the_images_is_here(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"None of the media of .* which holds 1 images \(x\.jpg\)\. Images are matched by"
    ):
        read(make(tmp_path, "x.jpg"))


def test_a_folder_that_is_no_download(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"There is no table .*occurrence\.txt"):
        open_source(tmp_path, "gbif")
    (tmp_path / "occurrence.txt").write_text("id\tspecies\n1\tx\n")
    with pytest.raises(InputError, match="has no column gbifID; it has: id, species"):
        open_source(tmp_path, "gbif")
