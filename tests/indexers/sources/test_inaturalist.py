"""Tables of the iNaturalist Open Dataset, and photos downloaded from it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError
from retrieval.types import Sample
from tests.support.shards import encoded_image

TABLES = {
    "photos": "photo_uuid photo_id observation_uuid observer_id extension license\n"
    "aa-1 11 o-1 5 jpg CC0\naa-2 12 o-1 5 jpg CC0\nbb-1 13 o-2 6 jpg CC-BY\ncc-1 14 o-3 6 jpg CC-BY\n",
    "observations": "observation_uuid observer_id latitude taxon_id quality_grade observed_on\n"
    "o-1 5 48.5 3 research 2020-05-01\no-2 6 47.0 4 casual \n",
    "taxa": 'taxon_id ancestry rank_level rank name active\n3 1/2 10 species Parus_major t\n4 1 20 genus "Sitta t\n',
}


def make(root: Path, *images: str, packed: bool = False) -> Path:
    root = root / "birds"
    for at, uri in enumerate(images):
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).write_bytes(encoded_image(at))
    root.mkdir(exist_ok=True)
    for name, text in TABLES.items():
        data = text.replace(" ", "\t").encode()
        (root / f"{name}.csv{'.gz' * packed}").write_bytes(gzip.compress(data) if packed else data)
    return root


def read(root: Path, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(root, options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


@pytest.mark.parametrize(
    ("names", "way"),
    [
        (("photos/11/medium.jpg", "photos/13/medium.jpg"), "the folder named after photo_id"),
        (("img/11.jpg", "img/13_large.jpg"), "the photo_id that begins the name"),
        (("aa-1.jpg", "bb-1.jpg"), "photo_uuid as the name"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_photos_have_taxon_and_observation(tmp_path: Path, names: tuple[str, ...], way: str, *, packed: bool) -> None:
    root = make(tmp_path, *names, packed=packed)
    assert guess_kind(root) == "inaturalist"
    samples, source = read(root)
    assert [(s.uri, s.label, s.group) for s in samples] == [
        (names[0], "Parus_major", "o-1"),
        (names[1], '"Sitta', "o-2"),
    ]
    assert str(samples[0].captured_at) == "2020-05-01 00:00:00"
    assert (samples[0].meta["rank"], samples[0].meta["quality_grade"]) == ("species", "research")
    assert source.tally.left_out == {"rows without an image": 2}
    assert any(f"Photos are matched by {way}: 2 of 2." in note for note in source.notes)


def test_a_photo_of_an_observation_that_is_not_listed(tmp_path: Path) -> None:
    _, source = read(make(tmp_path, "11.jpg", "14.jpg", "15.jpg"))
    assert source.tally.left_out == {
        "rows without an image": 2,
        "photos without an observation": 1,
        "images that no row lists": 1,
    }
    assert [(p.where, p.reason) for p in source.problems] == [
        ("photos.csv row 5", "its observation is not in observations.csv")
    ]


def test_a_photo_of_two_observations_is_one_image(tmp_path: Path) -> None:
    root = make(tmp_path, "11.jpg", "13.jpg")
    with (root / "photos.csv").open("a") as file:
        file.write("aa-1\t11\to-2\t5\tjpg\tCC0\n")
    _, source = read(root)
    assert any("Photos are matched by" in note and note.endswith(": 2 of 2.") for note in source.notes)
    assert source.tally.left_out["rows in conflict"] == 1


def test_no_photo_is_here(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"None of the photos of .* which holds 0 images\. Images are matched by"):
        read(make(tmp_path))


def test_tables_of_another_kind(tmp_path: Path) -> None:
    root = make(tmp_path, "11.jpg")
    (root / "taxa.csv").write_text("id,name\n1,x\n")
    with pytest.raises(InputError, match=r"taxa\.csv has no column taxon_id"):
        read(root)
