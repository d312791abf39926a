from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.hands import ASPECTS, HEADER, draw_hands


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "HandInfo.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hands(tmp_path_factory.mktemp("hands") / "new", identities=8, images_per_aspect=2, size=64)


def test_same_arguments_same_bytes_and_another_seed_other_pictures(hands: Path, tmp_path: Path) -> None:
    assert contents(draw_hands(tmp_path / "same", 8, 2, size=64)) == contents(hands)
    other = contents(draw_hands(tmp_path / "other", 8, 2, seed=1, size=64))
    assert other.keys() == contents(hands).keys()
    assert not set(other.values()) & set(contents(hands).values())


def test_layout_is_that_of_11k_hands(hands: Path) -> None:
    lines = (hands / "HandInfo.csv").read_bytes().split(b"\r\n")
    assert lines[0].decode() == HEADER
    assert lines[1].startswith(b'"0000001",')
    assert lines[1].endswith(b',0,0,"dorsal right","Hand_0000001.jpg",0')
    rows = rows_of(hands)
    assert [row["imageName"] for row in rows] == [f"Hand_{at + 1:07d}.jpg" for at in range(8 * 4 * 2)]
    assert {path.name for path in (hands / "Hands").iterdir()} == {row["imageName"] for row in rows}
    assert set(Counter((row["id"], row["aspectOfHand"]) for row in rows).values()) == {2}
    assert {row["aspectOfHand"] for row in rows} == set(ASPECTS)


def test_a_quarter_of_the_ids_is_for_training(hands: Path) -> None:
    ids = {row["id"] for row in rows_of(hands)}
    assert all(len(identity) == 7 for identity in ids)
    assert sum(int(identity) <= 1037 for identity in ids) == 2
    assert sum(int(identity) > 1051 for identity in ids) == 6


def test_pictures_are_rgb_of_the_size_asked_for(hands: Path) -> None:
    with Image.open(hands / "Hands" / "Hand_0000009.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))


def test_left_hands_are_mirrored(tmp_path: Path) -> None:
    draw_hands(tmp_path, identities=6, images_per_aspect=4, size=48)
    means = {}
    for aspect in ("dorsal right", "dorsal left"):
        names = [row["imageName"] for row in rows_of(tmp_path) if row["aspectOfHand"] == aspect]
        means[aspect] = np.mean(
            [np.asarray(Image.open(tmp_path / "Hands" / name).convert("L")) for name in names], axis=0
        )
    right, left = means.values()
    assert np.abs(right - left[:, ::-1]).mean() < 0.8 * np.abs(right - left).mean()


def test_a_person_is_recognisable_but_not_by_every_picture(tmp_path: Path) -> None:
    """Nearest neighbour on raw 16 x 16 pixels: above the chance of 1 in 24, below perfect."""
    draw_hands(tmp_path, identities=24, images_per_aspect=3, size=48)
    rows = [row for row in rows_of(tmp_path) if row["aspectOfHand"] == "dorsal right"]
    small = [Image.open(tmp_path / "Hands" / row["imageName"]).resize((16, 16)) for row in rows]
    vectors = np.stack([np.asarray(image, dtype=np.float64).ravel() for image in small])
    distance = np.square(vectors[:, None] - vectors[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    ids = np.array([row["id"] for row in rows])
    rank_1 = (ids[distance.argmin(axis=1)] == ids).mean()
    assert 3 / 24 < rank_1 < 0.95


@pytest.mark.parametrize("arguments", [{"identities": 1}, {"images_per_aspect": 0}, {"size": 8}])
def test_too_small_numbers_are_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 identities"):
        draw_hands(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())
