"""One suite over all sources: what the pipeline relies on, whatever the kind."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.hands import draw_hands
from indexers.sources.base import BaseSource
from indexers.sources.registry import SOURCES, guess_kind, open_source
from retrieval.errors import InputError, MissingFileError, UnknownNameError, VitrineError
from retrieval.image_listing import is_image
from retrieval.images import read_image, upright
from retrieval.types import Sample, Source
from tests.support.shards import encoded_image, write_parquet, write_tar

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


def make_imagefolder(root: Path) -> Path:
    """As Hugging Face has it, with an image that no line names."""
    for split in ("train", "test"):
        for name in ("a.png", "b.png", "unlisted.png"):
            image(root / split / name)
        (root / split / "metadata.jsonl").write_text(
            '{"file_name": "a.png", "label": "x", "n": 1}\n{"file_name": "b.png", "label": "y", "n": 2.5}\n'
            '{"file_name": "gone.png", "label": "y"}\n'
        )
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


def make_webdataset(root: Path) -> Path:
    """Two shards with classes and fields; a key without an image, and one that stands twice."""
    for split, keys in (("train", "abc"), ("val", "de")):
        members = [(f"./{key}{suffix}", data) for key in keys for suffix, data in members_of(key).items()]
        if split == "val":
            members += [("lone.cls", b"1"), ("d.jpg", members_of("x")[".jpg"])]
        write_tar(root / f"set-{split}-000000.tar", members)
    return root


def make_coco(root: Path) -> Path:
    """Boxes in two files of annotations; an image is gone, one has no annotation, and one box has no area."""
    for split, n in (("train", 3), ("val", 2)):
        images = [{"id": at, "file_name": f"{at}.jpg", "width": 4, "height": 4} for at in range(n + 1)]
        boxes = [(at, [at, 0, 2, 2 * (at != 1)]) for at in range(n)]
        annotations = [{"id": at, "image_id": at, "category_id": at % 2, "bbox": box} for at, box in boxes]
        categories = [{"id": 0, "name": "oak"}, {"id": 1, "name": "ash"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations").mkdir(parents=True, exist_ok=True)
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))
        for at in range(1, n + 1):
            image(root / f"{split}2017" / f"{at}.jpg")
        image(root / f"{split}2017" / "0.jpg") if split == "train" else None
    return root


def make_gbif(root: Path) -> Path:
    """Photos under their addresses, one more that was not downloaded, one that no media names, and a sound."""
    for name in ("11/original.jpg", "12/original.jpg", "99/original.jpg"):
        image(root / "images" / name)
    address = "StillImage\thttps://x.org/photos/{}/original.jpg"
    media = [f"{key}\t{address.format(n)}" for key, n in ((1, 11), (1, 12), (2, 13))]
    (root / "multimedia.txt").write_text("\n".join(["gbifID\ttype\tidentifier", *media, "2\tSound\thttps://x/s.mp3"]))
    (root / "occurrence.txt").write_text('gbifID\tspecies\teventDate\n1\tParus "major\t2020-01-02\n2\tSitta\t\n')
    return root


def make_inaturalist(root: Path) -> Path:
    for name in ("7/medium.jpg", "8/medium.jpg"):
        image(root / "photos" / name)
    tables = {
        "photos": ["photo_uuid photo_id observation_uuid license", "p7 7 o1 CC0", "p8 8 o1 CC0", "p9 9 o2 CC0"],
        "observations": ["observation_uuid taxon_id observed_on", "o1 3 2020-01-02", "o2 3 2020-01-02"],
        "taxa": ["taxon_id rank name", "3 species Parus_major"],
    }
    for name, lines in tables.items():
        (root / f"{name}.csv").write_text("\n".join(lines).replace(" ", "\t") + "\n")
    return root


def make_wildlife(root: Path) -> Path:
    for name in ("a", "b", "unlisted"):
        image(root / "images" / f"{name}.jpg")
    (root / "metadata.csv").write_text(
        'image_id,identity,path,date,orientation,bbox\n1,t1,images/a.jpg,2020-05-01,left,"[0, 0, 2, 2]"\n'
        '2,t2,images/a.jpg,2020-05-01,right,"[2.0, 1.0, 2.0, 3.0]"\n3,t1,images/b.jpg,2021-01-01 10:00:00,left,\n'
        "4,t3,images/gone.jpg,2021-01-01,left,\n"
    )
    return root


def make_yolo(root: Path) -> Path:
    """Boxes and a polygon in one file, an object twice, a line of no object, an image without labels."""
    for name in ("train/images/a.jpg", "train/images/b.jpg", "valid/images/c.jpg"):
        image(root / name)
    for split, stem in (("train", "a"), ("valid", "c"), ("valid", "gone")):
        (root / split / "labels").mkdir(exist_ok=True)
        (root / split / "labels" / f"{stem}.txt").write_text("0 .5 .5 .5 .5\n0 .5 .5 .5 .5\n1 0 0 1 0 1 1\n1 .5 .5\n")
    (root / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnc: 2\nnames: [oak, ash]\n")
    return root


def make_parquet(root: Path) -> Path:
    """As Hugging Face has it: splits in the names of files, names of classes in the metadata, a row without image."""
    for split, n in (("train", 3), ("test", 2)):
        images = [encoded_image(n * 10 + at) for at in range(n)]
        write_parquet(root / "data" / f"{split}-00000-of-00001.parquet", [*images, None], age=list(range(n + 1)))
    return root


def members_of(key: str) -> dict[str, bytes]:
    return {
        ".jpg": encoded_image(ord(key)),
        ".cls": str(ord(key) % 2).encode(),
        ".json": json.dumps({"age": ord(key), "site": f"s {key}"}).encode(),
    }


MAKERS: dict[str, Maker] = {
    "coco": make_coco,
    "folder": make_folder,
    "inaturalist": make_inaturalist,
    "manifest": make_manifest,
    "gbif": make_gbif,
    "hands11k": make_hands,
    "imagefolder": make_imagefolder,
    "parquet": make_parquet,
    "pattern": make_pattern,
    "prepared": make_prepared,
    "webdataset": make_webdataset,
    "wildlife": make_wildlife,
    "yolo": make_yolo,
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
        assert upright(read_image(source.root / sample.uri)).image.size
        assert not sample.uri.startswith(("/", "."))
        assert "\\" not in sample.uri
        assert sample.label or sample.identity or (source.kind == "yolo" and sample.box is None)
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


def adds_up(source: BaseSource) -> bool:
    return source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())


def test_what_was_seen_is_what_was_taken_and_what_was_left_out(kind: str, path: Path, tmp_path: Path) -> None:
    """Files that nobody wants are strewn over every folder of the data set, and all of them are counted."""
    source = open_source(path, kind)
    taken = len(list(source))
    before = source.tally.copy()
    assert (before.taken, adds_up(source)) == (taken, True)
    for folder in [folder for folder, _, _ in os.walk(tmp_path / "set")]:
        for name in (".DS_Store", "notes.txt", "Thumbs.db", ".git/x.jpg"):
            (Path(folder) / name).parent.mkdir(exist_ok=True)
            (Path(folder) / name).write_text("no image")
        (Path(folder) / "itself.jpg").symlink_to("itself.jpg")
        (Path(folder) / "gone").symlink_to("nowhere")
        os.mkfifo(Path(folder) / "pipe.jpg")
    assert len(list(source)) == taken
    assert adds_up(source)
    if kind == "manifest":
        assert source.tally == before
    else:
        folders = (
            1 if kind == "hands11k" else len([1 for folder, _, _ in os.walk(tmp_path / "set") if ".git" not in folder])
        )
        assert source.tally.seen - before.seen == 7 * folders
        left_out = {reason: n - before.left_out.get(reason, 0) for reason, n in source.tally.left_out.items()}
        assert left_out["hidden"] == left_out["not images"] == left_out["broken links"] == 2 * folders
        assert left_out["special files"] == folders
        assert source.tally.first["special files"].endswith("pipe.jpg")


NAMES = st.sampled_from(
    (
        "query0",
        "gallery0",
        "train",
        "test",
        "a",
        "b",
        "0001_c2.jpg",
        "0002.PNG",
        "x.tif",
        "x.txt",
        ".y.jpg",
        "archive.zip",
    )
)
TREES = st.lists(st.lists(NAMES, min_size=1, max_size=5), max_size=30)


def grow(root: Path, tree: list[list[str]], *, images: tuple[str, ...]) -> int:
    """Make a file or an empty folder for each path, and what the source needs; return the number of entries."""
    for uri in (*("/".join(parts) for parts in tree), *images):
        path = root / uri
        if any(parent.is_file() for parent in path.parents):
            continue
        if "." in path.name and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        else:
            path.mkdir(parents=True, exist_ok=True)
    entries = 0
    for _, folders, files in os.walk(root):
        hidden = [folder for folder in folders if folder.startswith(".")]
        folders[:] = [folder for folder in folders if folder not in hidden]
        entries += len(files) + len(hidden)
    return entries


@pytest.mark.parametrize("kind", ["folder", "pattern", "prepared"])
@given(tree=TREES)
@settings(max_examples=60, deadline=None)
def test_entries_of_any_tree_are_all_counted(kind: str, tree: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        entries = grow(root, tree, images=("query0/1/1_c1.jpg", "gallery0/1/2_c1.jpg"))
        options = {"pattern": {"pattern": r"(?P<identity>\d+)"}, "folder": {"levels": "label"}}.get(kind, {})
        source = open_source(root, kind, options=options)
        taken = len(list(source))
        assert (source.tally.taken, adds_up(source)) == (taken, True)
        entered = {"query0", "gallery0", "train", "test"}
        tops = [top for top in root.iterdir() if top.is_dir() and not top.name.startswith(".")]
        unused = [top for top in tops if top.name not in entered] if kind == "prepared" else []
        inside = sum(grow(top, [], images=()) for top in unused)  # a folder that is not entered is one entry
        assert source.tally.seen == entries - inside + len(unused)


@given(rows=st.lists(st.sampled_from(("a.png,x", "a.png,y", "b.png,x", "gone.png,x", ",x", "a.png", "a.png,x,z"))))
@settings(max_examples=60, deadline=None)
def test_rows_of_any_table_are_all_counted(rows: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("a.png", "b.png", "c.png"):
            (root / name).touch()
        (root / "list.csv").write_text("\n".join(["filepath,label", "c.png,x", *rows]) + "\n")
        source = open_source(root / "list.csv")
        taken = len(list(source))
        assert source.tally.seen == len(rows) + 1
        assert (source.tally.taken, adds_up(source)) == (taken, True)


def test_unknown_options_are_refused_with_what_there_is(kind: str, path: Path) -> None:
    with pytest.raises(InputError, match=f"source '{kind}': there is no option 'colour'"):
        open_source(path, kind, options={"colour": "blue"})


def test_a_set_that_lost_all_its_images_is_an_error(kind: str, path: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "set").rglob("*"):
        if is_image(file.name):
            file.unlink()
        elif file.suffix == ".tar":
            write_tar(file, [("a.cls", b"1")])
        elif file.suffix == ".parquet":
            write_parquet(file, [None, None])
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
