from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from data.hands import HEADER, draw_hands
from indexers.sources.hands11k import LAST_TRAIN_ID, HandRow, assign_splits
from indexers.sources.registry import open_source
from retrieval.errors import InputError
from tests.support.hand_rows import hand_rows
from tests.support.shared_data import SHARED, needs_shared

ROW = '"0000001",27,"male","fair",0,0,"dorsal right","Hand_0000001.jpg",0'
# Per aspect: train ids, train images, val images, test ids, test images (PROTOCOLS, section 2).
REAL = {
    "dorsal right": (72, 890, 72, 71, 1042),
    "dorsal left": (73, 735, 73, 73, 1061),
    "palmar right": (72, 905, 72, 71, 988),
    "palmar left": (76, 928, 76, 75, 1023),
}


def counts(hands: list[HandRow]) -> dict[str, tuple[int, ...]]:
    ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    for hand, split in zip(hands, assign_splits(hands), strict=True):
        ids[hand.aspect, split].append(hand.identity)
    found: dict[str, tuple[int, ...]] = {}
    for aspect in LAST_TRAIN_ID:
        train, val, test = (ids[aspect, split] for split in ("train", "val", "test"))
        found[aspect] = (len({*train, *val}), len(train), len(val), len(set(test)), len(test))
    return found


def write(root: Path, *rows: str, header: str = HEADER) -> Path:
    (root / "Hands").mkdir(parents=True)
    (root / "HandInfo.csv").write_text("\r\n".join([header, *rows, ""]), newline="")
    for row in rows:
        name = row.split(",")[7].strip('"')
        if name.endswith(".jpg") and "/" not in name:
            (root / "Hands" / name).touch()
    return root


@needs_shared
def test_the_real_table_gives_the_published_counts() -> None:
    assert counts(hand_rows(SHARED / "hands")) == REAL


@needs_shared
def test_the_real_images_of_dorsal_right() -> None:
    source = open_source(SHARED / "hands")
    test = [sample for sample in source if sample.split == "test" and sample.aspect == "dorsal right"]
    identities = {sample.identity for sample in test}
    assert (len(identities), len(test) - len(identities)) == (59, 126)
    assert len(source.problems) == 7865 - 1487
    assert all(problem.missing for problem in source.problems)


def test_drawn_hands(tmp_path: Path) -> None:
    """8 people, 2 of them for training, 3 images of each aspect."""
    hands = hand_rows(draw_hands(tmp_path, 8, 3, size=32))
    assert counts(hands) == dict.fromkeys(LAST_TRAIN_ID, (2, 4, 2, 6, 18))


@pytest.mark.parametrize("aspect", LAST_TRAIN_ID)
def test_the_cut_off_itself_is_for_training(aspect: str) -> None:
    last = LAST_TRAIN_ID[aspect]
    hands = [HandRow(at, f"{last + at // 2:07d}", aspect, f"{at}.jpg", {}) for at in range(4)]
    assert sorted(assign_splits(hands)[:2]) == ["train", "val"]
    assert assign_splits(hands)[2:] == ["test", "test"]


def test_val_depends_on_no_name_and_rarely_on_new_rows() -> None:
    hands = [HandRow(at, f"{at % 40:07d}", "palmar left", f"Hand_{at:07d}.jpg", {}) for at in range(400)]
    chosen = {hand.image for hand, split in zip(hands, assign_splits(hands), strict=True) if split == "val"}
    assert len(chosen) == 40
    assert assign_splits([hand._replace(image=f"{hand.row % 7}.jpg") for hand in hands]) == assign_splits(hands)
    more = [*hands, *(HandRow(400 + at, f"{at:07d}", "palmar left", f"New_{at}.jpg", {}) for at in range(40))]
    grown = {hand.image for hand, split in zip(more, assign_splits(more), strict=True) if split == "val"}
    assert len(grown - chosen) <= 12  # about 40 / 11
    assert all(image.startswith("New_") for image in grown - chosen)
    other = {hand.image for hand, split in zip(hands, assign_splits(hands, val_seed=1), strict=True) if split == "val"}
    assert len(other & chosen) < 20


def test_identity_is_stripped_and_keeps_its_zeros(tmp_path: Path) -> None:
    write(tmp_path / "s", ROW, ROW.replace('"0000001"', '"1200000 "').replace("Hand_0000001", "b"))
    samples = list(open_source(tmp_path / "s"))
    assert [(sample.identity, sample.split) for sample in samples] == [("0000001", "val"), ("1200000", "test")]
    assert samples[0].uri == "Hands/Hand_0000001.jpg"
    assert samples[0].aspect == "dorsal right"
    assert samples[0].meta == {
        "age": 27,
        "gender": "male",
        "skin_color": "fair",
        "accessories": 0,
        "nail_polish": 0,
        "irregularities": 0,
    }


def test_accessories_are_dropped_unless_asked_for(tmp_path: Path) -> None:
    worn = ROW.replace('"fair",0', '"fair",1').replace("Hand_0000001", "worn")
    write(tmp_path / "s", ROW, worn)
    assert len(list(open_source(tmp_path / "s"))) == 1
    assert [s.meta["accessories"] for s in open_source(tmp_path / "s", options={"with_accessories": True})] == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("dorsal right", "dorsal up", "aspect 'dorsal up' is not one of dorsal right"),
        ('"0000001"', '"x1"', "id 'x1' is not a number"),
        ('"0000001"', '""', "id '' is not a number"),
        ('"fair",0', '"fair",none', "accessories 'none' is not a number"),
        ('"fair",0', '"fair",', "accessories '' is not a number"),
        ("27", "old", "age 'old' is not a number"),
        ("b.jpg", "", "imageName '' is not a file name"),
        ("b.jpg", "../b.jpg", "imageName '../b.jpg' is not a file name"),
        ("b.jpg", "Hand_0000001.jpg", "image 'Hand_0000001.jpg' is listed already in row 2"),
    ],
)
def test_bad_rows_are_problems(tmp_path: Path, old: str, new: str, reason: str) -> None:
    write(tmp_path / "s", ROW, ROW.replace("Hand_0000001.jpg", "b.jpg").replace(old, new, 1))
    source = open_source(tmp_path / "s")
    assert len(list(source)) == 1
    (problem,) = source.problems
    assert problem.where == "HandInfo.csv row 3"
    assert problem.reason.startswith(reason)
    assert not problem.missing


def test_bad_sets_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'aspectOfHand'"):
        list(open_source(write(tmp_path / "a", ROW, header=HEADER.replace("aspectOfHand", "aspect"))))
    (write(tmp_path / "b", ROW) / "Hands" / "Hand_0000001.jpg").unlink()
    with pytest.raises(InputError, match=r"holds none of the 1 images that HandInfo\.csv lists"):
        list(open_source(tmp_path / "b"))
