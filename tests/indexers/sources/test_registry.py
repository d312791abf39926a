from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError
from tests.support.shared_data import SHARED, needs_shared


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2)).save(path)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "CSV"])
def test_a_table_is_a_manifest(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"any.{suffix}").touch()
    assert guess_kind(tmp_path / f"any.{suffix}") == "manifest"


def test_hands_by_folder_or_by_its_table(tmp_path: Path) -> None:
    (tmp_path / "HandInfo.csv").touch()
    assert guess_kind(tmp_path) == guess_kind(tmp_path / "HandInfo.csv") == "hands11k"


def test_images_far_below_count(tmp_path: Path) -> None:
    image(tmp_path / "train" / "cat" / "1" / "a.png")
    assert guess_kind(tmp_path) == "folder"


@pytest.mark.parametrize("beside", ["data.yaml", "labels.csv"])
def test_a_set_with_its_own_description_is_not_plain(tmp_path: Path, beside: str) -> None:
    image(tmp_path / "images" / "a.png")
    (tmp_path / beside).touch()
    with pytest.raises(
        InputError,
        match=rf"it holds {beside}; .*say which source it is: coco, folder, gbif, hands11k, imagefolder",
    ):
        guess_kind(tmp_path)


@pytest.mark.parametrize(("sets", "levels"), [(1, 0), (1, 1), (2, 0)])
def test_known_data_sets_inside_are_named(tmp_path: Path, sets: int, levels: int) -> None:
    above = tmp_path / "archive" if levels else tmp_path
    for at in range(sets):
        for part in ("bounding_box_train", "bounding_box_test", "query"):
            image(above / f"set{at}" / part / "0001_c1s1_000151_01.jpg")
    with pytest.raises(InputError, match=rf"holds .*set0 \(market1501\).*; index .*set{sets - 1}\."):
        guess_kind(tmp_path)


def test_many_folders_are_labels_and_not_searched_for_data_sets(tmp_path: Path) -> None:
    for at in range(30):
        image(tmp_path / f"{at}" / "a.png")
    (tmp_path / "3" / "HandInfo.csv").touch()
    assert guess_kind(tmp_path) == "folder"


def test_names_of_a_known_data_set_in_a_flat_folder(tmp_path: Path) -> None:
    image(tmp_path / "0001_c1s1_000151_01.jpg")
    with pytest.raises(InputError, match=r"`preset=market1501` for identity.*named as those of Market-1501"):
        guess_kind(tmp_path)


def test_a_source_with_splits_of_its_own_takes_no_others(tmp_path: Path) -> None:
    image(tmp_path / "query0" / "1" / "a.png")
    with pytest.raises(InputError, match="Source prepared has its own splits; leave `split` out"):
        open_source(tmp_path, "prepared", options={"split": "train"})


def test_nothing_plain(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no sub-folder with images; say which"):
        guess_kind(tmp_path)
    (tmp_path / "a.doc").touch()
    with pytest.raises(InputError, match="neither a folder nor a table"):
        guess_kind(tmp_path / "a.doc")


@needs_shared
@pytest.mark.parametrize(
    ("path", "kind", "samples"),
    [
        ("hands", "hands11k", 1487),
        ("species/mushrooms", "folder", 352),
        ("species/leaves/manifest.csv", "manifest", 990),
    ],
)
def test_real_sets(path: str, kind: str, samples: int) -> None:
    source = open_source(SHARED / path)
    assert source.kind == kind
    assert len(list(source)) == samples
    assert all(problem.missing for problem in source.problems)
