"""Indexing real files with a real encoder: nothing twice, nothing lost, nothing done that need not be."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from indexers import api, jobs
from indexers.pipeline.report import IndexReport
from retrieval.errors import InputError, StoreError, UnknownNameError
from retrieval.store import lance
from retrieval.store.open import open_store
from retrieval.store.verify import verify
from tests.support.images import write_images

ENCODER = {"encoder": "torchvision/shufflenet_v2_x0_5", "random_init": 0, "preprocess": ("resize=32,crop=32",)}


def run(path: Path, store: Path, **options: Any) -> IndexReport:
    return api.index(path, store, wait=0, quiet=True, **{**ENCODER, **options})


def state(store: Path) -> tuple[pa.Table, dict[bytes, bytes]]:
    """Everything that must be equal between two ways to the same store."""
    with open_store(store).snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space())
        vectors = {bytes(key): row.tobytes() for key, row in zip(matrix.keys, matrix.data, strict=True)}
        assert len(vectors) == len(matrix.keys)
        assert not any(finding.wrong for finding in verify(snapshot))
        return snapshot.samples(), vectors


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts how often a model was loaded."""
    seen: list[str] = []
    real = jobs._load

    def load(spec: Any, device: str) -> Any:
        seen.append(spec.model)
        return real(spec, device)

    monkeypatch.setattr(jobs, "_load", load)
    return seen


def test_a_folder_twice(tmp_path: Path, loads: list[str]) -> None:
    write_images(tmp_path / "images", 20)
    first = run(tmp_path / "images", tmp_path / "s")
    assert (first.embedded, first.unchanged, first.samples, first.failures) == (20, 0, 20, {})
    before = state(tmp_path / "s")
    again = run(tmp_path / "images", tmp_path / "s")
    assert (again.embedded, again.unchanged, again.store_version) == (0, 20, first.store_version)
    assert loads == ["shufflenet_v2_x0_5"]
    assert state(tmp_path / "s") == before
    rows = before[0]
    assert sorted(rows.column("label").unique().to_pylist()) == ["class0", "class1", "class2"]
    assert set(rows.column("width").to_pylist()) == {24}
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert len(snapshot.thumbnails(rows.column("key").to_pylist())) == 20


def test_what_changed_is_embedded_and_what_was_touched_is_not(tmp_path: Path, loads: list[str]) -> None:
    paths = write_images(tmp_path / "images", 9)
    run(tmp_path / "images", tmp_path / "s")
    old = state(tmp_path / "s")[1]
    Image.new("RGB", (40, 30), "red").save(paths[0])
    os.utime(paths[1], ns=(1, 1))
    Image.new("RGB", (8, 8), "blue").save(paths[2].with_name("new.png"))
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.embedded, report.unchanged, report.samples) == (2, 8, 10)
    rows, new = state(tmp_path / "s")
    changed = rows.filter(pa.compute.equal(rows["uri"], "class0/00000.jpg"))
    assert (changed["width"][0].as_py(), changed["height"][0].as_py()) == (40, 30)
    assert {key: new[key] for key in old if key in new} == {key: old[key] for key in old if key in new}
    assert run(tmp_path / "images", tmp_path / "s").unchanged == 10
    assert len(loads) == 2


def test_same_content_is_embedded_once(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 6)
    shutil.copy(paths[0], paths[0].with_name("zz-twin.jpg"))
    shutil.copy(paths[0], paths[1].with_name("twin.jpg"))
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.embedded, report.reused, report.samples) == (6, 2, 8)
    rows, vectors = state(tmp_path / "s")
    assert (rows.num_rows, len(vectors)) == (8, 6)
    later = paths[1].with_name("later.jpg")
    shutil.copy(paths[2], later)
    assert run(tmp_path / "images", tmp_path / "s").reused == 1


def test_copies_wait_for_the_batch_of_the_first(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "drawn", 24)
    folder = tmp_path / "images"
    folder.mkdir()
    for at, path in enumerate(paths):
        shutil.copy(path, folder / f"{at:02d}a.jpg")
        shutil.copy(path, folder / f"{at:02d}b.jpg")
        shutil.copy(paths[0], folder / f"{at:02d}c.jpg")
    shutil.copy(paths[-1], folder / "last.jpg")  # no batch is begun for a copy
    report = run(folder, tmp_path / "s", levels="_")
    assert (report.embedded, report.reused, report.samples, report.taken) == (24, 49, 73, 73)
    rows, vectors = state(tmp_path / "s")
    assert (rows.num_rows, len(vectors)) == (73, 24)
    assert list(positions(tmp_path / "s")) == sorted(path.name for path in folder.iterdir())


def test_vanished_files_are_reported_and_dropped_only_when_asked(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 6)
    run(tmp_path / "images", tmp_path / "s")
    paths[0].unlink()
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.vanished, report.pruned, report.samples) == (1, 0, 6)
    report = run(tmp_path / "images", tmp_path / "s", prune=True)
    assert (report.vanished, report.pruned, report.samples) == (1, 1, 5)
    assert len(state(tmp_path / "s")[1]) == 5


def positions(store: Path) -> dict[str, int]:
    with open_store(store).snapshot() as snapshot:
        found = snapshot.samples(["uri", "position"]).to_pylist()
    return {row["uri"].rpartition("/")[2]: row["position"] for row in sorted(found, key=lambda row: row["position"])}


def test_positions_follow_the_source_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "one"
    drawn = write_images(tmp_path / "drawn", 7)
    folder.mkdir(parents=True)
    for name, path in zip(("b", "d", "f"), drawn, strict=False):
        shutil.copy(path, folder / f"{name}.jpg")
    shutil.copy(drawn[0], folder / "e.jpg")  # the content of b: its row is ready before that of d
    (folder / "c.jpg").write_text("no image, but it has its place")
    run(tmp_path / "images", tmp_path / "s")
    assert positions(tmp_path / "s") == {"b.jpg": 0, "d.jpg": 2, "e.jpg": 3, "f.jpg": 4}
    shutil.copy(drawn[3], folder / "a.jpg")
    shutil.copy(drawn[4], folder / "c.jpg")
    shutil.copy(drawn[5], folder / "d.jpg")  # another picture under a name that is known
    run(tmp_path / "images", tmp_path / "s")
    with_new = {"b.jpg": 0, "a.jpg": 1, "d.jpg": 2, "e.jpg": 3, "f.jpg": 4, "c.jpg": 5}
    assert positions(tmp_path / "s") == with_new
    (folder / "c.jpg").unlink()
    run(tmp_path / "images", tmp_path / "s", prune=True)
    shutil.copy(drawn[6], folder / "g.jpg")
    run(tmp_path / "images", tmp_path / "s")
    assert positions(tmp_path / "s") == {"b.jpg": 0, "a.jpg": 1, "d.jpg": 2, "e.jpg": 3, "f.jpg": 4, "g.jpg": 6}


def test_sources_stand_in_the_order_of_their_first_commit(tmp_path: Path) -> None:
    for seed, name in enumerate(("z", "a", "m")):
        write_images(tmp_path / name, 2, seed=seed)
        run(tmp_path / name, tmp_path / "s")
    write_images(tmp_path / "z", 3)
    run(tmp_path / "z", tmp_path / "s")
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert [source.name for source in snapshot.sources] == ["folder:z", "folder:a", "folder:m"]
        assert [source.position for source in snapshot.sources] == [0, 1, 2]


def test_nothing_is_dropped_while_part_of_the_source_cannot_be_used(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 4)
    manifest = tmp_path / "images" / "m.csv"
    lines = [f"{path.relative_to(manifest.parent).as_posix()},x" for path in paths]
    manifest.write_text("\n".join(["filepath,label", *lines]) + "\n")
    run(manifest, tmp_path / "s")
    manifest.write_text("\n".join(["filepath,label", lines[0] + ",one cell too many", *lines[2:]]) + "\n")
    report = run(manifest, tmp_path / "s", prune=True)
    assert (report.vanished, report.pruned, report.samples) == (2, 0, 4)
    assert any("Nothing was dropped" in note for note in report.notes)
    manifest.write_text("\n".join(["filepath,label", *lines[2:]]) + "\n")
    assert run(manifest, tmp_path / "s", prune=True).pruned == 2


def test_a_column_that_changes_its_kind(tmp_path: Path, loads: list[str]) -> None:
    paths = write_images(tmp_path / "images", 2)
    names = [path.relative_to(tmp_path / "images").as_posix() for path in paths]
    manifest = tmp_path / "images" / "m.csv"

    def write(*values: str) -> None:
        cells = [f"{name},x,{value}" for name, value in zip(names, values, strict=True)]
        manifest.write_text("\n".join(["filepath,label,note", *cells]) + "\n")

    write("old", "12")
    run(manifest, tmp_path / "s")
    write("1", "2")
    run(manifest, tmp_path / "s")
    rows, _ = state(tmp_path / "s")
    assert sorted(rows.column("meta_note").to_pylist()) == ["1", "2"]
    write("1", "2")
    assert run(manifest, tmp_path / "s").unchanged == 2
    run(manifest, tmp_path / "other", source_name="numbers")
    write("one", "two")
    Image.new("RGB", (9, 9)).save(paths[0])
    with pytest.raises(InputError, match="note holds string here but int64 in the store"):
        run(manifest, tmp_path / "other", source_name="numbers")
    assert len(loads) == 2  # said before anything was embedded


def test_unreadable_files_are_skipped_listed_and_tried_again(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 6)
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[: len(whole) // 2])
    paths[1].write_bytes(b"")
    paths[2].write_text("not an image")
    report = run(tmp_path / "images", tmp_path / "s")
    assert report.embedded == 3
    assert report.failures == {
        "class0/00000.jpg": "the image is truncated",
        "class1/00001.jpg": "the file is empty",
        "class2/00002.jpg": "not an image",
    }
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert snapshot.count("failures") == 3
    paths[0].write_bytes(whole)
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.embedded, report.unchanged, len(report.failures)) == (1, 3, 2)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert snapshot.count("failures") == 2


def test_a_flaw_costs_no_sample_and_keeps_nothing_from_being_dropped(tmp_path: Path) -> None:
    path = write_images(tmp_path / "images", 1)[0]
    file = tmp_path / "images" / "x.json"
    for outline in ([[1, 1, 9, 1, 9, 9]], [[1, 2, 3]]):
        content = {
            "images": [{"id": 1, "file_name": path.relative_to(tmp_path / "images").as_posix()}],
            "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "segmentation": outline}],
            "categories": [{"id": 1, "name": "cat"}],
        }
        file.write_text(json.dumps(content))
        report = run(file, tmp_path / "s", source="coco", prune=True)
    assert (report.failures, list(report.flaws)) == ({}, ["x.json annotation 1"])
    assert (report.taken, report.vanished, report.pruned) == (1, 1, 1)


def test_a_file_that_breaks_later_keeps_its_last_good_row(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 3)
    run(tmp_path / "images", tmp_path / "s")
    before = state(tmp_path / "s")
    paths[0].write_bytes(b"broken now")
    report = run(tmp_path / "images", tmp_path / "s")
    assert (list(report.failures), report.vanished) == (["class0/00000.jpg"], 0)
    assert state(tmp_path / "s") == before


def test_relabelling_embeds_nothing(tmp_path: Path, loads: list[str]) -> None:
    paths = write_images(tmp_path / "images", 6)
    manifest = tmp_path / "images" / "m.csv"
    names = [path.relative_to(manifest.parent).as_posix() for path in paths]

    def write(labels: list[str], extra: str = "") -> None:
        lines = [f"{name},{label}{extra}" for name, label in zip(names, labels, strict=True)]
        head = "filepath,label" + (",age" if extra else "")
        manifest.write_text("\n".join([head, *lines]) + "\n")

    write(["x"] * 6)
    run(manifest, tmp_path / "s")
    write(["x", "x", "x", "y", "y", "y"], extra=",7")
    report = run(manifest, tmp_path / "s")
    assert (report.relabelled, report.embedded) == (6, 0)
    rows, _ = state(tmp_path / "s")
    assert sorted(rows.column("label").to_pylist()) == ["x"] * 3 + ["y"] * 3
    assert rows.column("meta_age").to_pylist() == [7] * 6
    write(["x"] * 6)
    run(manifest, tmp_path / "s")
    rows, _ = state(tmp_path / "s")
    assert rows.column("meta_age").to_pylist() == [None] * 6
    assert rows.column("label").to_pylist() == ["x"] * 6
    assert len(loads) == 1


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "x"
    folder.mkdir(parents=True)
    picture = Image.linear_gradient("L").resize((64, 32)).convert("RGB")
    picture.save(folder / "plain.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 270 degrees
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=exif)
    run(tmp_path / "images", tmp_path / "s")
    rows, vectors = state(tmp_path / "s")
    assert (rows["width"].to_pylist(), rows["height"].to_pylist()) == ([64, 64], [32, 32])
    one, two = (np.frombuffer(v, np.float32) for v in vectors.values())
    np.testing.assert_array_equal(one, two)
    assert {str(taken) for taken in rows["captured_at"].to_pylist()} == {"None", "2024-05-06 07:08:09"}


def test_views_are_added_later_and_stay(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 5)
    run(tmp_path / "images", tmp_path / "s")
    before = state(tmp_path / "s")[1]
    report = run(tmp_path / "images", tmp_path / "s", views="base,hflip")
    assert report.embedded == 5
    assert state(tmp_path / "s")[1] == before
    Image.open(paths[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(paths[0].with_name("mirror.png"))
    run(tmp_path / "images", tmp_path / "s")  # only base is asked for, but the space has both
    with open_store(tmp_path / "s").snapshot() as snapshot:
        space = snapshot.space()
        flipped = snapshot.vectors(space, "hflip")
        assert len(flipped.keys) == 6
        rows = snapshot.samples(["uri", "key"]).to_pylist()
    keys = {row["uri"]: row["key"].encode() for row in rows}
    base = state(tmp_path / "s")[1]
    of = {bytes(key): row for key, row in zip(flipped.keys, flipped.data, strict=True)}
    mirror = np.frombuffer(base[keys["class0/mirror.png"]], np.float32)
    assert float(mirror @ of[keys["class0/00000.jpg"]]) > 0.9999
    assert float(mirror @ np.frombuffer(base[keys["class0/00000.jpg"]], np.float32)) < 0.9999


def test_a_second_space_shares_samples(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 5)
    run(tmp_path / "images", tmp_path / "s")
    report = run(tmp_path / "images", tmp_path / "s", random_init=1)
    assert (report.embedded, report.samples) == (5, 5)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        one, two = snapshot.spaces
        assert (one.rows, two.rows) == (5, 5)
        assert not np.array_equal(snapshot.vectors(one).data, snapshot.vectors(two).data)
        with pytest.raises(InputError, match="say which space is meant"):
            snapshot.space()


def test_no_thumbnails(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    run(tmp_path / "images", tmp_path / "s", thumbnails=False)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert snapshot.count("thumbnails") == 0


def test_a_data_set_may_move_but_two_may_not_share_a_name(tmp_path: Path, loads: list[str]) -> None:
    write_images(tmp_path / "here" / "images", 3)
    run(tmp_path / "here" / "images", tmp_path / "s")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = run(tmp_path / "there" / "images", tmp_path / "s")
    assert (moved.unchanged, len(loads)) == (3, 1)
    assert "moved from" in moved.notes[0]
    write_images(tmp_path / "other" / "images", 3, seed=9)
    (tmp_path / "other" / "images" / "class0").rename(tmp_path / "other" / "images" / "elsewhere")
    with pytest.raises(InputError, match="`source_name`"):
        run(tmp_path / "other" / "images", tmp_path / "s")
    assert run(tmp_path / "other" / "images", tmp_path / "s", source_name="other").samples == 6


def test_the_encoder_of_the_store_is_the_default(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    with pytest.raises(InputError, match=r"`encoder`, for example ViT-B-32, bioclip-2, timm/.*lists names"):
        api.index(tmp_path / "images", tmp_path / "s", quiet=True)
    run(tmp_path / "images", tmp_path / "s")
    again = api.index(tmp_path / "images", tmp_path / "s", quiet=True)
    assert (again.unchanged, again.embedded) == (3, 0)


def test_precision_auto_stays_in_the_space_it_began(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    run(tmp_path / "images", tmp_path / "s", precision="bf16")
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.unchanged, report.embedded) == (3, 0)
    assert run(tmp_path / "images", tmp_path / "s", precision="fp32").embedded == 3


def test_bad_options_are_said(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 2)
    with pytest.raises(UnknownNameError, match="Did you mean 'hflip'"):
        run(tmp_path / "images", tmp_path / "s", views="base,hflp")
    with pytest.raises(InputError, match=r"no option 'veiws'\. Did you mean 'views'"):
        run(tmp_path / "images", tmp_path / "s", thumbnails=False, veiws="base")
    assert not (tmp_path / "s").exists()


def test_a_full_disk_is_one_sentence_and_the_last_commit_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images", 20)
    run(tmp_path / "images", tmp_path / "s")
    before = state(tmp_path / "s")
    write_images(tmp_path / "images", 40)

    def full(rows: pa.Table, schema: pa.Schema) -> pa.Table:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(lance, "_conform", full)
        with pytest.raises(StoreError, match=r"could not be written.*No space left.*last complete version is whole"):
            run(tmp_path / "images", tmp_path / "s")
    assert state(tmp_path / "s") == before
    assert run(tmp_path / "images", tmp_path / "s").samples == 40


def test_what_was_seen_is_what_was_taken_and_what_was_left_out(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 7)
    paths[0].with_name("notes.txt").write_text("of the excursion")
    paths[0].with_name("page.jpg").write_text("<html>not found</html>")
    shutil.copy(paths[1], paths[1].with_name("again.jpg"))
    report = run(tmp_path / "images", tmp_path / "s")
    assert (report.seen, report.taken) == (10, 8)
    assert report.left_out == {"not images": 1, "unreadable images": 1}
    assert report.left_out_first == {"not images": "class0/notes.txt", "unreadable images": "class0/page.jpg"}
    again = run(tmp_path / "images", tmp_path / "s")
    assert (again.seen, again.taken, again.left_out) == (10, 8, report.left_out)
