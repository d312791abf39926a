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
        InputError, match=rf"it holds {beside}; .*say which source it is: folder, hands11k, imagefolder, manifest"
    ):
        guess_kind(tmp_path)


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
