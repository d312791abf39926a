"""Hand-made features of indexed photographs, through the real command line: attached, fused, and evaluated again."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import write_images
from tests.support.sample_stores import store_with, unit
from tests.support.shared_data import SHARED, needs_shared

SPLIT = {0: "test", 1: "val"}
LEAVES = SHARED / "species" / "leaves"


def fused(store: Path, features: str) -> dict[str, Any]:
    """Fusion of prototypes of the model and of the features."""
    arms = ("--arm", "shufflenet:prototype", "--arm", f"{features}:prototype")
    result: dict[str, Any] = call_json("eval", "--mode", "fusion", *arms, "--store", store)
    return result


def manifest(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    path.write_text("filepath,label,split\n" + "".join(",".join(row) + "\n" for row in rows))
    return path


def test_drawn_images_and_made_features(tmp_path: Path) -> None:
    images = write_images(tmp_path / "photos", 30)
    rows = [
        (str(one.relative_to(tmp_path)), one.parent.name, SPLIT.get(at // 3 % 5, "train"))
        for at, one in enumerate(images)
    ]
    table = manifest(tmp_path / "photos.csv", rows)
    store = ("--store", tmp_path / "s")
    indexed = call_json("index", table, *store, *SMALL_ENCODER)
    rng = np.random.default_rng(0)
    lines = ["name\tf1\tf2\tf3\tremark"]
    for at, image in enumerate(images):
        near = np.eye(3)[at % 3] + 0.1 * rng.standard_normal(3)
        lines.append("\t".join([image.name, *(f"{value:.6f}" for value in near), "fine"]))
    (tmp_path / "hand.tsv").write_text("\n".join([*lines, "99999.jpg\t1\t1\t1\tgone"]))
    attach = ("import-vectors", tmp_path / "hand.tsv", "--vectors", "f*", "--filepath", "name")
    done = call_cli(*attach, "--attach", indexed["source"][:-2], *store)
    assert "30 of 31 rows matched by file name, 30 new vectors; version 2" in done.stdout
    assert "Rows without an image" in done.stderr
    assert "'99999.jpg'" in done.stderr
    again = call_json(*attach, "--attach", indexed["source"], *store)
    assert (again["vectors"], again["lacking"], again["store_version"]) == (0, 0, 2)
    assert again["unmatched"] == ["99999.jpg"]
    found = call_json("info", *store)
    assert (found["counts"]["samples"], found["counts"]["spaces"]) == (30, 2)
    assert [(space["vectors"], space["imported"]) for space in found["spaces"]] == [(30, False), (30, True)]
    assert not any(finding["wrong"] for finding in call_json("verify", *store))
    result = fused(tmp_path / "s", "hand")
    assert result["n"]["test"] == 6
    assert result["metrics"]["top_1"]["value"] == 1.0  # the features tell the classes, so some alpha on val does


def test_a_picture_that_changed_has_no_vector_until_its_features_come(tmp_path: Path) -> None:
    images = write_images(tmp_path / "photos", 15)
    store = ("--store", tmp_path / "s")
    source = call_json("index", tmp_path / "photos", *store, *SMALL_ENCODER)["source"]
    rows = [f"{image.name},{at % 3 + 1},{at}" for at, image in enumerate(images)]
    (tmp_path / "hand.csv").write_text("\n".join(["name,f1,f2", *rows]))
    call_cli(
        "import-vectors", tmp_path / "hand.csv", "--vectors", "f*", "--filepath", "name", "--attach", source, *store
    )
    shutil.copy(write_images(tmp_path / "other", 1, seed=9)[0], images[0])
    call_cli("index", tmp_path / "photos", *store, *SMALL_ENCODER)
    arms = ("--arm", "shufflenet:prototype", "--arm", "hand:prototype")
    done = call_cli("eval", "--mode", "fusion", *arms, "--protocol", "holdout", *store, check=1)
    assert "hand@" in done.stderr
    assert images[0].name in done.stderr


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (("--attach", "folder:photo", "--filepath", "nam"), 2, "no column 'nam'. Did you mean 'name'"),
        (("--attach", "fodler:photos", "--filepath", "name"), 2, "Did you mean 'folder:photos'"),
        (("--attach", "folder:photos", "--filepath", "f1"), 1, "No row names an image of the source"),
        (("--attach", "folder:photos", "--as", "bank"), 1, "--attach is for vectors of samples, not for --as bank"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, options: tuple[str, ...], status: int, says: str) -> None:
    opened, _ = store_with(tmp_path / "s", ["00000", "00001"], unit(2), source="folder:photos")
    with opened.writer() as writer:
        writer.put_source("folder:photos", "folder", "/photos")
        writer.commit("test")
    store = ("--store", tmp_path / "s")
    (tmp_path / "hand.csv").write_text("name,f1,f2\n00000.jpg,0.5,1\n00001.jpg,0.25,1\n")
    done = call_cli("import-vectors", tmp_path / "hand.csv", "--vectors", "f*", *options, *store, check=status)
    assert says in done.stderr
    assert done.stdout == ""
    assert status == 2 or len(done.stderr.strip().splitlines()) == 1


def test_help_says_how_rows_find_their_images() -> None:
    words = " ".join(call_cli("import-vectors", "--help").stdout.split())
    assert "--attach SOURCE" in words
    assert "by path, else by file name, else by the name without folder and suffix" in words


@needs_shared
def test_real_leaves_and_their_features(tmp_path: Path) -> None:
    with (LEAVES / "manifest.csv").open(newline="") as file:
        pictures = list(csv.DictReader(file))
    species = list(dict.fromkeys(row["label"] for row in pictures))[:5]
    rows: list[tuple[str, str, str]] = []
    for name in species:
        of_it = [row["filepath"] for row in pictures if row["label"] == name][:6]
        rows += [(path, name, SPLIT.get(at % 3, "train")) for at, path in enumerate(of_it)]
    (tmp_path / "images").mkdir()
    for path, _, _ in rows:
        shutil.copy(LEAVES / path, tmp_path / path)
    store = ("--store", tmp_path / "s")
    source = call_json("index", manifest(tmp_path / "leaves.csv", rows), *store, *SMALL_ENCODER)["source"]
    attach = ("import-vectors", LEAVES / "features192.csv", "--filepath", "id", "--attach", source)
    report = call_json(*attach, "--vectors", "margin*,shape*,texture*", *store)
    assert (report["rows"], report["matched"], report["vectors"], report["lacking"]) == (990, 30, 30, 0)
    assert report["matched_by"] == "name without suffix"
    assert len(report["unmatched"]) == 960
    call_cli(*attach, "--vectors", "shape*", "--space-name", "shape", *store)
    assert [space["dimension"] for space in call_json("info", *store)["spaces"]] == [1024, 192, 64]
    assert not any(finding["wrong"] for finding in call_json("verify", *store))
    shutil.rmtree(tmp_path / "images")
    result = fused(tmp_path / "s", "features192")
    assert result["n"]["test"] == 10
    assert result["metrics"]["top_1"]["value"] >= 0.8
