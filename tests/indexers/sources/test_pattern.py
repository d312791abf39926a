from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexers.sources.pattern import EXAMPLE
from indexers.sources.registry import open_source
from retrieval.errors import InputError
from tests.support.pattern_images import images, read, shown


def test_groups_become_fields_and_metadata(tmp_path: Path) -> None:
    images(tmp_path, "query/7_c2_night.png", "gallery/deep/0007_c1_day.png", "7_c3_day.png")
    found = read(tmp_path, pattern=EXAMPLE + r"_(?P<light>\w+)")
    assert {uri: shown(sample) for uri, sample in found.items()} == {
        "query/7_c2_night.png": ("7", "2", "query"),
        "gallery/deep/0007_c1_day.png": ("0007", "1", "gallery"),
        "7_c3_day.png": ("7", "3", None),
    }
    assert found["query/7_c2_night.png"].meta == {"light": "night"}


def test_the_path_is_searched_where_the_name_does_not_match(tmp_path: Path) -> None:
    images(tmp_path, "p12/cam3/img.png", "p13/x.png")
    source = open_source(tmp_path, "pattern", options={"pattern": r"p(?P<identity>\d+)/cam(?P<camera>\d)"})
    assert [shown(sample) for sample in source] == [("12", "3", None)]
    assert [problem.where for problem in source.problems] == ["p13/x.png"]


def test_a_group_may_name_the_split(tmp_path: Path) -> None:
    images(tmp_path, "1_train.png", "2_Validation.png", "3_.png", "4_other.png")
    options = {"pattern": r"(?P<identity>\d)_(?P<split>\w*)"}
    with pytest.raises(InputError, match=r"no splits .*: 'other' \(1\).*`split=other=none`"):
        list(open_source(tmp_path, "pattern", options=options))
    source = open_source(tmp_path, "pattern", options={**options, "split": "other=none"})
    assert [sample.split for sample in source] == ["train", "val", None, None]


def test_the_first_image_that_does_not_match_is_blamed(tmp_path: Path) -> None:
    images(tmp_path, "1_c1.png", "2_c1.png", "deep/3_c1.png")
    (tmp_path / "deep" / "z").mkdir()
    (tmp_path / "deep" / "z" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    source = open_source(tmp_path, "pattern", options={"pattern": r"(?P<identity>x+)"})
    with pytest.raises(InputError, match=r"None of the 3 images .* \(of 1_c1.png: the name does not match"):
        list(source)
    assert source.problems[-1].where == "deep/z/lost.png"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Say how the names of .* read, for example `pattern="),
        ({"pattern": "(?P<identity>"}, "is no regular expression: missing"),
        ({"pattern": r"(\d+)_c(\d)"}, "has no group named identity or label"),
        ({"pattern": r"(?P<identity>x+)"}, r"None of the 1 images .* \(of 1_c1.png: the name does not match"),
        ({"pattern": r"(?P<identity>x*)"}, "finds neither identity nor label"),
    ],
)
def test_patterns_that_cannot_be(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    images(tmp_path, "1_c1.png")
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, **options)
    assert "\n" not in str(error.value)


def test_first_folders_that_are_no_splits_are_noted_where_others_are(tmp_path: Path) -> None:
    images(tmp_path, "query/1_c1.png", "test/1_c2.png", "extra/2_c1.png", "extra/2_c2.png")
    source = open_source(tmp_path, "pattern", options={"pattern": EXAMPLE})
    assert [sample.split for sample in source] == [None, None, "query", "gallery"]
    assert source.notes == [
        "Folder test is taken as gallery, because queries stand beside it.",
        "Folders whose images have no split: 'extra' (2 images); say what they are, for example `split=extra=none`.",
    ]
    source = open_source(tmp_path, "pattern", options={"pattern": EXAMPLE, "split": ["extra=none", "test=gallery"]})
    assert len(list(source)) == 4
    assert source.notes == []


def test_folders_of_identities_are_no_splits_and_pass_in_silence(tmp_path: Path) -> None:
    source = open_source(images(tmp_path, "1/1_c1.png", "2/2_c1.png"), "pattern", options={"pattern": EXAMPLE})
    assert [sample.split for sample in source] == [None, None]
    assert source.notes == []


def test_splits_one_folder_down_are_refused(tmp_path: Path) -> None:
    images(tmp_path, "VeRi/image_train/1_c1.png", "VeRi/image_test/1_c2.png")
    with pytest.raises(InputError, match=r"the splits \(image_test, image_train\) lie in it; index .*/VeRi"):
        read(tmp_path, pattern=EXAMPLE)
    assert {sample.split for sample in read(tmp_path / "VeRi", pattern=EXAMPLE).values()} == {"train", "test"}


def test_a_folder_beside_queries_without_a_gallery_may_be_it(tmp_path: Path) -> None:
    source = open_source(images(tmp_path, "query/1_c1.png", "pool/1_c2.png"), "pattern", options={"pattern": EXAMPLE})
    list(source)
    assert source.notes[0].endswith("for example `split=pool=gallery`.")
