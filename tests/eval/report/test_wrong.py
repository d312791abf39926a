"""Wrong predictions with their neighbours."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from eval.report.groups import LabelledResult
from eval.report.wrong import MOST_ROWS, neighbours_words, wrong_rows
from eval.results.assets import Neighbour, WrongPrediction, thumbnail_name, write_assets
from tests.support.drawn_results import fusion, knn


def webp(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(data, "WEBP")
    return data.getvalue()


def test_neighbours_are_right_or_wrong_and_pictures_may_lack(tmp_path: Path) -> None:
    labelled = LabelledResult("r", tmp_path / "r.json", knn())
    assert wrong_rows(labelled) is None
    thumbnails = {thumbnail_name(key): data for key, data in (("a", webp("teal")), ("b", webp("teal")), ("c", b"no"))}
    near = (
        Neighbour("1.jpg", "x", 0.9, thumbnail_name("b")), Neighbour("2.jpg", "y", 0.8, thumbnail_name("c")),
        Neighbour("3.jpg", None, 0.7),
    )  # fmt: skip
    wrong = [WrongPrediction("i", "u.jpg", "x", "y", 0.876, thumbnail_name("a"), near)] * (MOST_ROWS + 1)
    write_assets(labelled.path, [], wrong, thumbnails)
    rows = wrong_rows(labelled)
    assert rows is not None
    assert len(rows) == MOST_ROWS
    assert rows[1].title == "2. x, taken for y (88 %)"
    assert rows[0].sample.lines == ("x", "u.jpg")
    assert rows[0].sample.size == (40, 30)
    assert [neighbour.right for neighbour in rows[0].neighbours] == [True, False, False]
    assert [bool(neighbour.name) for neighbour in rows[0].neighbours] == [True, False, False]
    assert rows[0].neighbours[0].name == rows[0].sample.name  # equal pictures are one
    assert rows[0].neighbours[2].lines == ("no label", "similarity 0.700")


def test_it_says_of_which_arm_the_neighbours_are() -> None:
    assert neighbours_words(fusion()) == "train samples by the vectors of arm clip alone, space clip@1"
    assert neighbours_words(knn()) == "train samples by the vectors of space clip@1"
    assert neighbours_words(knn(n={"train": 0, "test": 9})) == "other test samples by the vectors of space clip@1"
