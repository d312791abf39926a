"""Tables as people have them, through the command line: what is read, what is said, and that every way out works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.store.open import open_store
from tests.support.command_line import SMALL_ENCODER, call_cli

IMAGES = 4
Index = tuple[int, str]


def draw(root: Path, *uris: str) -> None:
    """Write small images, each with a content of its own."""
    rng = np.random.default_rng(len(uris))
    for uri in uris:
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(root / uri)


def index(root: Path, path: str, *options: str, check: int = 0) -> Index:
    """Index a table or folder into a new store; return the number of samples and all that was printed."""
    store = root / "store"
    for file in sorted(store.rglob("*"), reverse=True) if store.exists() else []:
        file.rmdir() if file.is_dir() else file.unlink()
    done = call_cli("index", root / path, "--store", store, *SMALL_ENCODER, *options, check=check)
    return 0 if check == 1 else len(rows(root, "uri")), done.stdout + done.stderr


def rows(root: Path, *columns: str) -> list[tuple[object, ...]]:
    """Return columns of all samples in the store, sorted."""
    with open_store(root / "store").snapshot() as snapshot:
        table = snapshot.samples(list(columns))
    return sorted(zip(*(table.column(name).to_pylist() for name in columns), strict=True), key=str)


def way_out(text: str) -> list[str]:
    """Return the last option that a message names, as words of a command line."""
    options = re.findall(r"(?:-s|--[a-z-]+) \S+?(?=[,.;)]*(?:\s|$))", text)
    return shlex.split(options[-1])


@pytest.mark.parametrize("suffix", [".tsv", ".txt"])
def test_a_quotation_mark_that_never_closes(tmp_path: Path, suffix: str) -> None:
    lines = ["gbifID\tspecies\tlocality\tidentifier"]
    draw(tmp_path, *(f"img/{at}.jpg" for at in range(12)))
    for at in range(12):
        place = {2: '"Old oak by the pond', 8: '"Northern edge'}.get(at, f"plot {at}")
        lines.append(f"{1000 + at}\tSpecies {at % 3}\t{place}\timg/{at}.jpg")
    (tmp_path / f"multimedia{suffix}").write_text("\n".join(lines) + "\n")
    _, said = index(tmp_path, f"multimedia{suffix}", check=1)
    assert "--column label=species" in said
    samples, said = index(tmp_path, f"multimedia{suffix}", "--column", "label=species")
    assert samples == 12
    assert "filepath = 'identifier', label = 'species'" in said
    assert "quotation marks are read as text" in said
    assert [place for (place,) in rows(tmp_path, "meta_locality")].count('"Northern edge') == 1


def test_two_readings_of_quotation_marks(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "m.csv").write_text('filepath,label\na.jpg,"line one\nline two, more"\nb.jpg,z\n')
    _, said = index(tmp_path, "m.csv", check=1)
    assert "-s quoting=csv or -s quoting=none" in said
    assert index(tmp_path, "m.csv", "-s", "quoting=csv")[0] == 2
    samples, said = index(tmp_path, "m.csv", "-s", "quoting=none")
    assert samples == 2
    assert "rows without an image 1 (first m.csv row 3)" in said


@pytest.mark.parametrize("metadata", ["per split", "at the root"])
def test_an_image_folder_with_its_splits(tmp_path: Path, metadata: str) -> None:
    uris = [f"{split}/{at:04d}.png" for split in ("train", "test") for at in range(3)]
    draw(tmp_path / "set", *uris)
    lines: dict[str, list[str]] = {}
    for at, uri in enumerate(uris):
        split, _, name = uri.partition("/")
        folder, file_name = (split, name) if metadata == "per split" else (".", uri)
        entry = {"file_name": file_name, "label": ["cat", "dog", "owl"][at % 3]}
        lines.setdefault(folder, []).append(json.dumps(entry))
    for folder, entries in lines.items():
        (tmp_path / "set" / folder / "metadata.jsonl").write_text("\n".join(entries) + "\n")
    assert index(tmp_path, "set")[0] == 6
    assert rows(tmp_path, "split", "label", "uri")[:2] == [
        ("test", "cat", "test/0000.png"),
        ("test", "dog", "test/0001.png"),
    ]


def test_ids_without_suffix(tmp_path: Path) -> None:
    draw(tmp_path, *(f"train/{at:05d}.tif" for at in range(IMAGES)))
    (tmp_path / "train_labels.csv").write_text("id,label\n" + "".join(f"{at:05d},{at % 2}\n" for at in range(IMAGES)))
    for options in ((), ("--column", "filepath=id"), ("--image-root", str(tmp_path / "train"))):
        samples, said = index(tmp_path, "train_labels.csv", *options)
        assert samples == IMAGES
        assert "Images found by their names below" in said
        assert rows(tmp_path, "label") == [("0",), ("0",), ("1",), ("1",)]


def test_leading_zeros_lost_by_a_spreadsheet(tmp_path: Path) -> None:
    draw(tmp_path, *(f"train/{at:05d}.tif" for at in range(IMAGES)))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"{at},{at % 2}\n" for at in range(IMAGES)))
    _, said = index(tmp_path, "labels.csv", check=1)
    assert "leading zeros seem to be lost" in said
    assert way_out(said) == ["-s", "id_digits=5"]
    samples, said = index(tmp_path, "labels.csv", *way_out(said))
    assert samples == IMAGES
    assert "filled up with zeros to 5 digits: 4" in said


def test_two_files_of_one_id(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{folder}/{at}.png" for folder in ("train", "masks") for at in range(IMAGES)))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"{at},{at % 2}\n" for at in range(IMAGES)))
    _, said = index(tmp_path, "labels.csv", check=1)
    assert "several images fit '0': masks/0.png, train/0.png" in said
    assert "--image-root" in said
    assert index(tmp_path, "labels.csv", "--image-root", str(tmp_path / "train"))[0] == IMAGES


def test_no_circle_about_the_image_root(tmp_path: Path) -> None:
    draw(tmp_path, "img/a.jpg", "img/b.jpg")
    (tmp_path / "m.csv").write_text("filepath,label\nc.jpg,x\nd.jpg,y\n")
    _, said = index(tmp_path, "m.csv", check=1)
    assert "holds 2 images (img/a.jpg, img/b.jpg); set --image-root to the folder its paths start from" in said
    _, said = index(tmp_path, "m.csv", "--image-root", str(tmp_path / "img"), check=1)
    assert "holds 2 images (a.jpg, b.jpg); correct the paths, or set --image-root to another folder" in said


@pytest.mark.parametrize("prefix", ["/home/x/data/img/", "C:\\data\\img\\", "file:///data/img/"])
def test_paths_of_another_machine(tmp_path: Path, prefix: str) -> None:
    draw(tmp_path, "img/a b.jpg", "img/b.jpg")
    (tmp_path / "m.csv").write_text(f"filepath,label\n{prefix}a b.jpg,x\n{prefix}b.jpg,y\n")
    samples, said = index(tmp_path, "m.csv")
    assert samples == 2
    assert "which is not here and was left out: 2" in said


def test_web_addresses(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("identifier,label\nhttps://example.org/a.jpg,x\n")
    _, said = index(tmp_path, "m.csv", check=1)
    assert "is a web address, and nothing is downloaded; save the images and list them" in said


@pytest.mark.parametrize(
    ("cells", "said_first", "options"),
    [
        (["01/02/2020", "03/04/2020"], "may have the day first or the month", ("time_format=dmy", "time_format=mdy")),
        (["5", "6"], "the number 5 does not say which time it is", ("time_format=s", "time_format=excel")),
    ],
)
def test_times_that_may_mean_two_things(
    tmp_path: Path, cells: list[str], said_first: str, options: tuple[str, str]
) -> None:
    draw(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "m.csv").write_text(f"filepath,label,captured_at\na.jpg,x,{cells[0]}\nb.jpg,y,{cells[1]}\n")
    _, said = index(tmp_path, "m.csv", check=1)
    assert said_first in said
    times = set()
    for option in options:
        assert index(tmp_path, "m.csv", "-s", option)[0] == 2
        times.add(rows(tmp_path, "captured_at")[0])
    assert len(times) == 2
    assert index(tmp_path, "m.csv", "--column", "captured_at=")[0] == 2
    assert rows(tmp_path, "captured_at") == [(None,), (None,)]


def test_times_of_a_format_of_its_own_and_cells_that_are_none(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    lines = ["filepath,label,captured_at", "a.jpg,x,31.12.20", "b.jpg,y,0000-00-00", "c.jpg,y,2020-12-31"]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    samples, said = index(tmp_path, "m.csv")
    assert samples == 3
    assert "2 rows have no time: 'captured_at' is no date like" in said
    assert "'31.12.20' in row 2, '0000-00-00' in row 3" in said
    samples, said = index(tmp_path, "m.csv", "-s", "time_format=%d.%m.%y")
    assert min(str(time) for (time,) in rows(tmp_path, "captured_at")) == "2020-12-31 00:00:00"


def test_another_encoding_is_said_and_can_be_named(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "m.csv").write_bytes("filepath,label\na.jpg,дуб\nb.jpg,oak\n".encode("cp1251"))
    _, said = index(tmp_path, "m.csv")
    assert "is read as Windows-1252 (line 2: 'äóá')" in said
    _, said = index(tmp_path, "m.csv", "-s", "encoding=cp1251")
    assert "Windows-1252" not in said
    assert ("дуб",) in rows(tmp_path, "label")


def test_every_line_is_taken_or_told_of(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg", "b.jpg")
    lines = [
        "filepath,label",
        "a.jpg,x",
        "",
        "# a comment",
        "filepath,label",
        "b.jpg,y",
        "gone.jpg,y",
        "b.jpg",
        "a.jpg,x",
    ]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    samples, said = index(tmp_path, "m.csv", check=3)
    assert samples == 2
    assert "Left out 6 of 8 seen" in said
    for reason in (
        "blank lines 1",
        "comment lines 1",
        "repeated headers 1",
        "rows without an image 1",
        "another width 1",
    ):
        assert reason in said


def test_a_table_of_many_columns(tmp_path: Path) -> None:
    """More columns than anyone reads; the store takes them."""
    draw(tmp_path, "a.jpg", "b.jpg")
    names = [f"f{at}" for at in range(300)]
    lines = [
        ",".join(["filepath", "label", *names]),
        *(",".join([uri, "x", *["1.5"] * 300]) for uri in ("a.jpg", "b.jpg")),
    ]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    assert index(tmp_path, "m.csv")[0] == 2
    assert rows(tmp_path, "meta_f299") == [(1.5,), (1.5,)]
