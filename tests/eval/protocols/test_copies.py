"""Copies: the same files under two sources, in one role or in two, through the command line."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from eval.protocols.copies import classified_pictures, copies_warning, distinct_pictures, shared_pictures
from eval.protocols.cross_validation import group_codes, join_groups
from tests.support.audit_samples import pool, split_set
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json

if TYPE_CHECKING:
    from pathlib import Path


def test_copies_of_one_name_and_role_count_once() -> None:
    samples = pool(
        a={"source": "s", "key": "x", "label": "1", "split": "test"},
        b={"source": "t", "key": "x", "label": "1", "split": "test"},
        c={"source": "t", "key": "x", "label": "1", "split": "train"},
        d={"source": "t", "key": "x", "label": "2", "split": "test"},
        e={"source": "import:v", "key": "y", "label": "1", "split": "test"},
        f={"source": "import:v", "key": "y", "label": "1", "split": "test"},
    )
    by_role = classified_pictures(samples, drawn=False)
    assert by_role.pool.ids.tolist() == ["a", "c", "d", "e", "f"]
    assert (by_role.copies, by_role.equal) == ({"test": 1}, 1)
    assert copies_warning(by_role, "label", 512)[1].startswith("1 imported sample has exactly the vector of another")
    drawn = classified_pictures(samples, drawn=True)
    assert drawn.pool.ids.tolist() == ["a", "d", "e", "f"]
    (sentence,) = copies_warning(by_role, "label", 8)
    assert sentence.startswith("1 sample is a copy of another (the same content, label and role; 1 of them test)")
    assert sentence.endswith("and is left out: every picture counts once.")
    assert shared_pictures(samples) == [[0, 1, 2, 3]]


def test_roles_of_a_split_set_go_before_the_samples_own() -> None:
    samples = pool(**{name: {"source": "s", "key": "x", "label": "1", "split": "test"} for name in "abcd"})
    given = split_set({"test": "b c", "train": "d"}, {"test": "b c"})
    found = distinct_pictures(samples, ("label",), roles="split", given=given)
    assert found.pool.ids.tolist() == ["a", "b", "d"]  # a is in no draw, c has the roles of b
    assert copies_warning(distinct_pictures(samples, ("label", "uri")), "label", 512) == ()


def test_no_split_divides_a_picture_under_two_labels() -> None:
    samples = pool(
        a={"source": "s", "key": "x", "label": "1", "group": "g"},
        b={"source": "s", "key": "x", "label": "2"},
        c={"source": "s", "label": "1", "group": "g"},
        d={"source": "s", "label": "1"},
    )
    codes = group_codes(samples)
    assert len(set(codes[:3].tolist())) == 1
    assert codes[3] != codes[0]
    assert join_groups(np.arange(5), [[0, 1], [3, 4], [1, 3]]).tolist() == [0, 0, 2, 0, 0]


def picture(path: Path, seed: int, hue: int) -> None:
    """Ten dark boxes on one colour."""
    rng = np.random.default_rng(seed)
    pixels = np.full((64, 64, 3), (40 + 80 * hue, 200 - 70 * hue, 120), np.uint8)
    for x, y, side in rng.integers(4, 40, (10, 3)):
        pixels[y : y + side, x : x + side] = rng.integers(0, 200, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def folds(folder: Path) -> None:
    """Four train and four test pictures in ``fold0``; ``fold1`` leads to the same files."""
    for at, (split, label, number) in enumerate((s, n, i) for s in ("train", "test") for n in "ab" for i in range(2)):
        picture(folder / "fold0" / split / label / f"{label}{number}.jpg", at, "ab".index(label))
    (folder / "fold1").mkdir()
    for split in ("train", "test"):
        (folder / "fold1" / split).symlink_to(f"../fold0/{split}")


def evaluated(store: Path, *words: str | Path) -> tuple[Any, str]:
    done = call_cli("eval", "--store", store, *words, "--json")
    return json.loads(done.stdout), done.stderr


def index(store: Path, *words: str | Path) -> None:
    call_cli("index", *words, "--store", store, *SMALL_ENCODER)


@pytest.fixture(scope="module")
def two_folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copies")
    folds(folder)
    for name in ("fold0", "fold1"):
        index(folder / "both", folder / name)
    index(folder / "one", folder / "fold0")
    return folder


@pytest.mark.parametrize("words", [("--mode", "prototype"), ("--mode", "knn", "-o", "k=1")])
def test_the_same_files_under_two_folders_are_four_trials(two_folds: Path, words: tuple[str, ...]) -> None:
    one, silence = evaluated(two_folds / "one", *words)
    both, told = evaluated(two_folds / "both", *words)
    assert "copies" not in silence
    assert (one["n"]["test"], both["n"]["test"], both["n"]["train"]) == (4, 4, 4)
    assert "8 samples are copies of others (the same content, label and role; 4 of them test, 4 of them train)" in told
    assert both["metrics"]["top_1"] == one["metrics"]["top_1"]  # interval and all


@pytest.mark.parametrize("words", [("--protocol", "holdout"), ("--protocol", "k-fold", "-o", "folds=2")])
def test_draws_hold_every_picture_once(two_folds: Path, words: tuple[str, ...]) -> None:
    result, told = evaluated(two_folds / "both", "--mode", "prototype", *words)
    assert "8 samples are copies of others" in told
    assert result["n"]["test"] + result["n"]["train"] + result["n"]["val"] <= 8
    assert "byte for byte" not in told


@pytest.fixture(scope="module")
def near_copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six train pictures a class, of which test has one as a copy, and four a shade brighter."""
    folder = tmp_path_factory.mktemp("near")
    for label in "ab":
        for at in range(6):
            picture(folder / "set" / "train" / label / f"{at}.jpg", 10 * at + "ab".index(label), "ab".index(label))
        picture(folder / "set" / "test" / label / "own.jpg", 900 + "ab".index(label), "ab".index(label))
        shutil.copy(folder / "set" / "train" / label / "0.jpg", folder / "set" / "test" / label / "copy.jpg")
        for at in range(1, 5):
            with Image.open(folder / "set" / "train" / label / f"{at}.jpg") as original:
                ImageEnhance.Brightness(original).enhance(1.01).save(folder / "set" / "test" / label / f"near{at}.png")
    index(folder / "s", folder / "set")
    return folder / "s"


def counts(store: Path, *words: str) -> dict[str, int]:
    return {found["check"]: found["count"] for found in call_json("audit", "--store", store, *words)["findings"]}


def test_an_evaluation_and_an_audit_count_the_same_pairs(near_copies: Path) -> None:
    _, told = evaluated(near_copies, "--mode", "prototype")
    audited = json.loads(call_cli("audit", "--store", near_copies, "--json", check=4).stdout)["findings"]
    by_check = {found["check"]: found["count"] for found in audited}
    assert by_check["duplicate-across-splits"] == 2
    assert "2 pictures are in both train (or val) and test, byte for byte (audit shows them)." in told
    pairs = by_check["near-duplicate-across-splits"]
    assert pairs >= 2
    assert f"{pairs} pairs of nearly the same picture are in train (or val) and test (audit shows them)." in told


def test_val_and_train_share_no_picture_or_it_is_said(near_copies: Path) -> None:
    result, told = evaluated(near_copies, "--mode", "knn", "-o", "k=1,3", "-o", "val_from=train:0.3")
    assert result["n"]["val"] > 0
    assert "in both train and val, byte for byte" not in told


@pytest.mark.parametrize("words", [(), ("--seed", "1"), ("--seed", "2")])
def test_a_drawn_split_says_how_many_near_copies_it_divides(near_copies: Path, words: tuple[str, ...]) -> None:
    _, told = evaluated(near_copies, "--mode", "prototype", "--protocol", "holdout", *words)
    audited = counts(near_copies, "--protocol", "holdout", *words)
    assert "duplicate-across-splits" not in audited
    divided = audited.get("near-duplicate-across-splits", 0)
    assert ("nearly the same picture" in told) == bool(divided or audited.get("near-duplicate-train-val", 0))
    if divided:
        assert told.count(f"{divided} pair") == 1


def test_one_picture_under_two_labels_is_told(tmp_path: Path) -> None:
    folds(tmp_path)
    shutil.copy(tmp_path / "fold0" / "test" / "a" / "a0.jpg", tmp_path / "fold0" / "test" / "b" / "also.jpg")
    index(tmp_path / "s", tmp_path / "fold0")
    _, told = evaluated(tmp_path / "s", "--mode", "prototype")
    assert "1 picture has different labels or identities on the same content, of which at most one is right" in told


def test_copies_of_one_animal_count_once_in_a_ranking(tmp_path: Path) -> None:
    rows = ["filepath,identity,split"]
    for at in range(12):
        picture(tmp_path / f"{at}.jpg", at, at // 4)
        shutil.copy(tmp_path / f"{at}.jpg", tmp_path / f"copy{at}.jpg")
        role = "gallery" if at % 4 else "query"
        rows += [f"{at}.jpg,{at // 4},{role}", f"copy{at}.jpg,{at // 4},{role}"]
    (tmp_path / "both.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "one.csv").write_text("\n".join(row for row in rows if "copy" not in row), encoding="utf-8")
    (tmp_path / "met.csv").write_text("\n".join([*rows[:2], "copy0.jpg,0,gallery", *rows[3:]]), encoding="utf-8")
    for name in ("one", "both", "met"):
        index(tmp_path / name, tmp_path / f"{name}.csv")
    one, silence = evaluated(tmp_path / "one", "--mode", "reid")
    both, told = evaluated(tmp_path / "both", "--mode", "reid")
    assert (both["n"]["query"], both["n"]["gallery"]) == (one["n"]["query"], one["n"]["gallery"]) == (3, 9)
    assert "12 samples are copies of others (the same content, identity and role; 9 of them gallery" in told
    assert both["metrics"]["rank_1"] == one["metrics"]["rank_1"]
    assert "copies" not in silence
    drawn, told = evaluated(tmp_path / "both", "--mode", "reid", "--protocol", "leave-one-out")
    assert drawn["n"]["query"] == 12
    assert "byte for byte" not in told
    _, told = evaluated(tmp_path / "met", "--mode", "reid")
    assert "1 picture is query and gallery of one draw, byte for byte: its match is certain" in told
