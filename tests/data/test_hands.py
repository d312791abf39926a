from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli import cli
from data import folder as shared_folder
from data.hands import ASPECTS, HEADER, HandArguments, draw_hands, plan
from tests.support.file_digests import contents


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hands(tmp_path_factory.mktemp("hands") / "new", identities=8, images_per_aspect=2, size=64)


def test_same_bytes_with_any_number_of_processes_and_another_seed_other_pictures(
    hands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_folder, "_WORTH_A_POOL", 1)
    assert contents(draw_hands(tmp_path / "same", 8, 2, size=64, workers=2)) == contents(hands)
    other = contents(draw_hands(tmp_path / "other", 8, 2, seed=1, size=64))
    assert other.keys() == contents(hands).keys()
    same = {name for name, digest in contents(hands).items() if other[name] == digest}
    assert same == {"sittings.csv"}


def test_layout_is_that_of_11k_hands(hands: Path) -> None:
    lines = (hands / "HandInfo.csv").read_bytes().split(b"\r\n")
    assert lines[0].decode() == HEADER
    assert lines[1].startswith(b'"0000001",')
    assert lines[1].endswith(b',"dorsal right","Hand_0000001.jpg",0')
    rows = rows_of(hands / "HandInfo.csv")
    assert {row["accessories"] for row in rows} == {"0"}
    assert [row["imageName"] for row in rows] == [f"Hand_{at + 1:07d}.jpg" for at in range(8 * 4 * 2)]
    assert {path.name for path in (hands / "Hands").iterdir()} == {row["imageName"] for row in rows}
    assert set(Counter((row["id"], row["aspectOfHand"]) for row in rows).values()) == {2}
    assert {row["aspectOfHand"] for row in rows} == set(ASPECTS)


def test_a_quarter_of_the_ids_is_for_training(hands: Path) -> None:
    ids = {row["id"] for row in rows_of(hands / "HandInfo.csv")}
    assert all(len(identity) == 7 for identity in ids)
    assert sum(int(identity) <= 1037 for identity in ids) == 2
    assert sum(int(identity) > 1051 for identity in ids) == 6


@pytest.mark.parametrize(("share", "people"), [(0.0, 0), (0.1, 3), (0.25, 8), (0.5, 15), (1.0, 30)])
def test_the_share_of_people_to_train_with(share: float, people: int) -> None:
    pictures = plan(HandArguments(30, 1, train_share=share))
    assert len({one.identity for one in pictures if one.split != "test"}) == people
    assert all((int(one.identity) <= 1037) == (one.split != "test") for one in pictures)


def test_no_person_is_in_two_splits_and_more_people_change_none() -> None:
    few, many = (plan(HandArguments(n, 2, train_share=0.5)) for n in (20, 60))
    splits = {one.identity: one.split for one in many}
    assert all(one.split == splits[one.identity] for one in many)
    assert {one.identity: one.split for one in few}.items() <= splits.items()
    assert Counter(splits.values()) == {"test": 30, "train": 25, "val": 5}
    assert many[: len(few)] == few


def test_captions_sittings_and_people_go_with_the_pictures(hands: Path) -> None:
    info = {f"Hands/{row['imageName']}": row for row in rows_of(hands / "HandInfo.csv")}
    people = {row["identity"]: row for row in rows_of(hands / "people.csv")}
    captions, sittings = rows_of(hands / "captions.csv"), rows_of(hands / "sittings.csv")
    assert list(captions[0]) == ["filepath", "caption", "split"]
    assert [row["filepath"] for row in captions] == [row["filepath"] for row in sittings] == list(info)
    for row, sitting in zip(captions, sittings, strict=True):
        about = info[row["filepath"]]
        assert (sitting["identity"], sitting["aspect"]) == (about["id"], about["aspectOfHand"])
        assert row["split"] == sitting["split"] == people[about["id"]]["split"]
        assert f"{about['aspectOfHand'].split()[1]} hand" in row["caption"]
        assert people[about["id"]]["skin"] == about["skinColor"]
        assert (people[about["id"]]["polish"] != "no") == (about["nailPolish"] == "1")


def test_photographs_of_a_burst_are_a_group_and_nearly_alike(tmp_path: Path) -> None:
    draw_hands(tmp_path / "hands", 4, 2, size=48, burst=2)
    rows = rows_of(tmp_path / "hands" / "sittings.csv")
    groups = [row["group"] for row in rows]
    assert set(Counter(groups).values()) == {2}
    pictures = np.stack([np.asarray(Image.open(tmp_path / "hands" / row["filepath"]), float) for row in rows])
    flat = pictures.reshape(len(rows), -1)
    distance = np.square(flat[:, None] - flat[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    assert np.mean([groups[at] == groups[other] for at, other in enumerate(nearest)]) > 0.9
    assert len({picture.tobytes() for picture in pictures}) == len(rows)


def test_pictures_are_rgb_of_the_size_asked_for(hands: Path) -> None:
    with Image.open(hands / "Hands" / "Hand_0000009.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))


@pytest.mark.parametrize(
    "arguments",
    [
        {"identities": 1},
        {"images_per_aspect": 0},
        {"size": 8},
        {"burst": 0},
        {"seed": -1},
        {"train_share": 1.5},
        {"identities": 5000, "train_share": 0.5},
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 2 identities|between 0 and 1|ask for fewer"):
        draw_hands(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_the_command_draws_once_and_refuses_another_folder(tmp_path: Path) -> None:
    def sample(*more: str) -> Any:
        args = ["sample", "hands", "--out", str(tmp_path / "hands"), "--n", "2", "--images", "1", "--size", "32"]
        return CliRunner().invoke(cli, [*args, *more])

    assert "8 images of 2 identities" in sample().output
    before = contents(tmp_path / "hands")
    assert sample().exit_code == 0
    assert contents(tmp_path / "hands") == before
    other = sample("--seed", "1")
    assert other.exit_code == 2
    assert "other arguments" in other.output
    assert "ask for fewer" in sample("--n", "3000", "--train-share", "0.9").output
