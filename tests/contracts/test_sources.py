"""One suite over all sources: what the pipeline relies on, whatever the kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from PIL import Image

from data.hands import draw_hands
from indexers.sources.base import is_image
from indexers.sources.registry import SOURCES, guess_kind, open_source
from retrieval.errors import InputError, MissingFileError, UnknownNameError, VitrineError
from retrieval.types import Sample, Source

Maker: TypeAlias = Callable[[Path], Path]


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def make_folder(root: Path) -> Path:
    for uri in ("cat/2.png", "cat/10.png", "dog/1.jpg", "dog/deep/er/1.JPEG"):
        image(root / uri)
    return root


def make_manifest(root: Path) -> Path:
    for name in ("b.png", "a.png", "sub/c.png"):
        image(root / name)
    table = root / "list.csv"
    table.write_text(
        "filepath,label,split,age\nb.png,x,train,3\na.png,y,Validation,\nsub/c.png,x,test,4\ngone.png,y,,\n"
    )
    return table


def make_hands(root: Path) -> Path:
    draw_hands(root, identities=4, images_per_aspect=2, size=32)
    (root / "Hands" / "Hand_0000003.jpg").unlink()
    return root


def make_pattern(root: Path) -> Path:
    """As Market-1501 has it."""
    for uri in ("bounding_box_train/0002_c1s1_1.jpg", "bounding_box_test/-1_c2s1_3.jpg", "query/0003_c1s1_7.jpg"):
        image(root / uri)
    return root


def make_prepared(root: Path) -> Path:
    for uri in ("query0/1/a.png", "gallery0/1/b.png", "query1/1/b.png", "gallery1/1/a.png", "train/2/c.png"):
        image(root / uri)
    return root


MAKERS: dict[str, Maker] = {
    "folder": make_folder,
    "manifest": make_manifest,
    "hands11k": make_hands,
    "pattern": make_pattern,
    "prepared": make_prepared,
}


@pytest.fixture(params=sorted(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(kind: str, tmp_path: Path) -> Path:
    return MAKERS[kind](tmp_path / "set")


def test_every_source_is_under_contract() -> None:
    assert MAKERS.keys() == SOURCES.keys()


def test_is_a_source_of_its_kind_and_is_guessed(kind: str, path: Path) -> None:
    assert guess_kind(path) == kind
    source = open_source(path)
    assert isinstance(source, Source)
    assert source.kind == kind
    assert source.name == {"manifest": f"{kind}:{path.parent.name}/{path.stem}"}.get(kind, f"{kind}:{path.stem}")
    assert all(isinstance(sample, Sample) and sample.source == source.name for sample in source)


def test_iterating_twice_gives_the_same(path: Path) -> None:
    source = open_source(path)
    first, problems = list(source), list(source.problems)
    assert list(source) == first
    assert source.problems == problems
    assert list(open_source(path)) == first


def test_samples_are_images_below_the_root_and_none_twice(path: Path) -> None:
    source = open_source(path)
    samples = list(source)
    assert samples
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
        assert (source.root / sample.uri).is_file()
        assert not sample.uri.startswith(("/", "."))
        assert "\\" not in sample.uri
        assert sample.label or sample.identity
        assert sample.split in {"train", "val", "test", "query", "gallery", None}


def test_ids_do_not_depend_on_where_the_set_lies(path: Path, tmp_path: Path) -> None:
    before = [sample.id for sample in open_source(path)]
    shutil.move(tmp_path / "set", tmp_path / "elsewhere" / "set")
    moved = tmp_path / "elsewhere" / path.relative_to(tmp_path)
    assert [sample.id for sample in open_source(moved)] == before


def test_ids_do_not_depend_on_how_the_path_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [sample.id for sample in open_source(path)]
    monkeypatch.chdir(path.parent)
    assert [sample.id for sample in open_source(Path(path.name))] == before
    if path.is_dir():
        monkeypatch.chdir(path)
        assert [sample.id for sample in open_source(Path())] == before


def test_a_name_may_be_given(path: Path) -> None:
    assert {sample.source for sample in open_source(path, name="mine")} == {"mine"}


def test_metadata_has_one_set_of_names_and_one_type_each(path: Path) -> None:
    samples = list(open_source(path))
    assert len({tuple(sample.meta) for sample in samples}) == 1
    for name in samples[0].meta:
        assert len({type(sample.meta[name]) for sample in samples if sample.meta[name] is not None}) <= 1


def test_order_does_not_follow_the_directory(path: Path, tmp_path: Path) -> None:
    """Files made in another order come in the same order."""
    before = [sample.uri for sample in open_source(path)]
    root = tmp_path / "set"
    for file in sorted((file for file in root.rglob("*") if file.is_file()), reverse=True):
        other = tmp_path / "again" / "set" / file.relative_to(root)
        other.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, other)
    assert [sample.uri for sample in open_source(tmp_path / "again" / path.relative_to(tmp_path))] == before


def test_unknown_options_are_refused_with_what_there_is(kind: str, path: Path) -> None:
    with pytest.raises(InputError, match=f"source '{kind}': there is no option 'colour'"):
        open_source(path, kind, options={"colour": "blue"})


def test_a_set_that_lost_all_its_images_is_an_error(kind: str, path: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "set").rglob("*"):
        if is_image(file.name):
            file.unlink()
    with pytest.raises(InputError) as caught:
        list(open_source(path, kind))
    assert str(tmp_path) in str(caught.value)


def test_nothing_there(kind: str, tmp_path: Path) -> None:
    for asked in (kind, None):
        with pytest.raises(MissingFileError) as caught:
            open_source(tmp_path / "absent.csv", asked)
        assert "absent.csv" in str(caught.value) or "There is no" in str(caught.value)


def test_an_empty_file_in_place_of_the_set(kind: str, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(VitrineError) as caught:
        list(open_source(tmp_path / "empty.csv", kind))
    assert "\n" not in str(caught.value)


def test_reading_changes_nothing(path: Path, tmp_path: Path) -> None:
    def state() -> list[tuple[Path, int]]:
        return sorted((file, file.stat().st_mtime_ns) for file in (tmp_path / "set").rglob("*"))

    before = state()
    list(open_source(path))
    assert state() == before


def test_an_unknown_kind() -> None:
    with pytest.raises(UnknownNameError, match=r"No source 'foldr'.* 'folder'"):
        open_source(Path(), "foldr")
