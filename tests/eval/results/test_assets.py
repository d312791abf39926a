"""What lies beside a result: there and back, replaced whole, no way out of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.results.assets import (
    Neighbour,
    Prediction,
    WrongPrediction,
    assets_folder,
    read_predictions,
    read_thumbnail,
    read_wrong_predictions,
    thumbnail_name,
    write_assets,
)
from retrieval.errors import InputError

HEAD = "draw,seed,id,uri,label,predicted,probability,rank,correct\n"
ANSWER = Prediction(0, 0, "1", 'odd,"name"\nü.jpg', "a", "b", 0.125, 2, correct=False)
WRONG = WrongPrediction("1", "u.jpg", "a", "b", 0.5, thumbnail_name("k"), (Neighbour("n.jpg", None, 0.25, None),))


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    answers = [ANSWER, ANSWER._replace(draw=3, seed=1, correct=True, rank=1, group="burst 1")]
    folder = write_assets(file, iter(answers), iter([WRONG]), {thumbnail_name("k"): b"webp"})
    assert folder == assets_folder(file) == tmp_path / "r.assets"
    assert list(read_predictions(file) or ()) == answers
    assert read_wrong_predictions(file) == (WRONG,)
    assert read_thumbnail(file, WRONG.thumbnail) == b"webp"
    assert (
        (folder / "predictions.csv")
        .read_text()
        .startswith("draw,seed,id,uri,label,predicted,probability,rank,correct,group\n")
    )


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    assert read_predictions(file) is None
    assert read_wrong_predictions(file) is None
    assert read_thumbnail(file, None) is None
    assert read_thumbnail(file, thumbnail_name("k")) is None


def test_an_earlier_result_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    write_assets(file, [ANSWER], [WRONG], {thumbnail_name("old"): b"1"})
    write_assets(file, [], [], {thumbnail_name("new"): b"2"})
    assert [path.name for path in sorted((tmp_path / "r.assets").rglob("*.*"))] == [
        "predictions.csv",
        "new.webp",
        "wrong.json",
    ]
    assert read_wrong_predictions(file) == ()
    assert list(read_predictions(file) or ()) == []


@given(st.text(max_size=30))
def test_thumbnails_lie_in_the_folder(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    folder = tmp_path_factory.mktemp("a")
    assert (folder / thumbnail_name(key)).resolve().parent == folder.resolve() / "thumbs"


@pytest.mark.parametrize(
    "name", ["../secret.webp", "thumbs/../../secret.webp", "/etc/passwd", "thumbs/x.png", "thumbs/.webp"]
)
def test_other_names_lead_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.webp").write_bytes(b"no")
    (tmp_path / "r.assets" / "thumbs").mkdir(parents=True)
    assert read_thumbnail(tmp_path / "r.json", name) is None
    with pytest.raises(InputError, match="no path of a thumbnail"):
        write_assets(tmp_path / "r.json", [], [], {name: b""})


@pytest.mark.parametrize(
    "text",
    [
        b"a,b\n1,2\n",
        b"",
        b"\xff\xfe\x00",
        f"{HEAD}0,0,1\n".encode(),
        f"{HEAD}0,0,1,u\xff,a,b,0.5,1,1\n".encode("latin-1"),
    ],
    ids=["other columns", "empty", "other bytes", "short row", "other encoding"],
)
def test_predictions_that_cannot_be_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "r.assets").mkdir()
    (tmp_path / "r.assets" / "predictions.csv").write_bytes(text)
    with pytest.raises(InputError, match=r"predictions\.csv"):
        list(read_predictions(tmp_path / "r.json") or ())


def test_predictions_from_before_they_had_groups(tmp_path: Path) -> None:
    (tmp_path / "r.assets").mkdir()
    (tmp_path / "r.assets" / "predictions.csv").write_text(f"{HEAD}0,0,1,u.jpg,a,b,0.5,2,0\n")
    assert list(read_predictions(tmp_path / "r.json") or ()) == [
        Prediction(0, 0, "1", "u.jpg", "a", "b", 0.5, 2, correct=False)
    ]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "r.assets").write_text("")
    with pytest.raises(InputError, match="choose another place"):
        write_assets(tmp_path / "r.json", [ANSWER], [], {})
