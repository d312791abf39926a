"""The numbers of a data set do not depend on the names of its folder, its file and the store, nor on hashed ids."""

from __future__ import annotations

import csv
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = (
    ("data", "rows", "store"),
    ("a", "zz", "q"),
    ("Photos 2024", "B", "my store"),
    ("x-y", "001", "0"),
    ("ä", "ß", "é"),
)
"""Folder, file and store."""

NAMED = {"provenance", "request", "created", "config", "warnings", "arms"}
"""Sections of a result that hold names or ids."""

RANKINGS = (
    "reid --protocol monte-carlo -o draws=3",
    "reid --protocol leave-one-out -o ties=stable",
    "reid --protocol cuhk03 -o draws=2",
    "reid --protocol monte-carlo -o draws=2 -o rerank=k-reciprocal -o k1=4 -o k2=2",
    "verification --protocol monte-carlo -o draws=2 -o unknown=0.3 -o threshold_from=none",
)
CLASSIFICATIONS = (
    "prototype --protocol holdout -o draws=2 -o train_limit=20",
    "prototype --protocol k-fold -o folds=3 -o val_from=train:0.3 --calibrate",
    "knn -o k=1,3,5 -o votes=uniform,exp",
    "knn -o train_limit=9 -o test_n=5 -o k=3",
    "fewshot -o shots=1,2 -o seeds=2 -o method=prototype,knn -o knn.k=2",
    "fewshot -o shots=1,3 -o sampling=first",
)
BOOTSTRAP = ("-o", "bootstrap=50")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Samples of which many vectors are equal, so that ties decide; identities, labels, cameras, some groups."""
    rng = np.random.default_rng(4)
    made: list[dict[str, Any]] = []
    for at in rng.permutation(60).tolist():
        who, label = at % 10, at % 3
        vector = np.rint(np.eye(6)[who % 6] * 2 + np.eye(6)[label] + 0.9 * rng.standard_normal(6)).astype(int)
        made.append(
            {
                "filepath": f"{rng.integers(10**9):09d}.png",
                "identity": f"p{who}",
                "label": f"kind {label}",
                "camera": f"c{at // 10 % 2}",
                "group": f"g{at % 25}" if at % 2 else "",
                "split": ("train", "val", "test")[len(made) % 3],
                **{f"v{axis}": value for axis, value in enumerate(vector.tolist() if vector.any() else [1] * 6)},
            }
        )
    return made


def numbers(store: Path, modes: tuple[str, ...], *where: str) -> str:
    """All numbers of these evaluations of a store, as text with all digits."""
    found = []
    for words in modes:
        result = call_json("eval", "--mode", *words.split(), *BOOTSTRAP, *where, "--store", store)
        found.append({key: value for key, value in result.items() if key not in NAMED})
    return json.dumps(found)


def hits(store: Path, uri: str) -> list[tuple[str, float]]:
    found = call_json("search", "--id", uri, "-k", "12", "--store", store)
    return [(hit["uri"], hit["score"]) for hit in found["hits"]]


def write_table(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_image(path: Path, row: dict[str, Any]) -> None:
    """A small picture made of the row's vector: equal vectors are equal pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.array([row[f"v{axis}"] for axis in range(6)], np.int64)
    pixels = (128 + 20 * np.resize(values, (8, 8, 3))).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def of_every_name(
    tmp_path: Path, make: Callable[[Path, str, Path], None], modes: tuple[str, ...], uri: str
) -> tuple[set[str], list[Any]]:
    """The different numbers and hits of five stores of one data set."""
    found, ranked = set(), []
    for at, (folder, file, store) in enumerate(NAMES):
        place = tmp_path / str(at)
        make(place / folder, file, place / store)
        found.add(numbers(place / store, modes))
        ranked.append(hits(place / store, uri))
    return found, ranked


def test_vectors_under_five_names_give_one_set_of_numbers(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    def make(folder: Path, file: str, store: Path) -> None:
        write_table(folder / f"{file}.csv", rows, list(rows[0]))
        call_cli("import-vectors", folder / f"{file}.csv", "--vectors", "v*", "--store", store)

    found, ranked = of_every_name(tmp_path, make, (*RANKINGS, *CLASSIFICATIONS), rows[0]["filepath"])
    assert len(found) == 1
    assert all(one == ranked[0] for one in ranked)
    scores = [score for _, score in ranked[0]]
    assert len(set(scores)) < len(scores)  # there were ties to break


def test_a_table_of_images_under_five_names(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    def make(folder: Path, file: str, store: Path) -> None:
        for row in rows:
            write_image(folder / row["filepath"], row)
        write_table(folder / f"{file}.csv", rows, ["filepath", "identity", "label", "camera", "group", "split"])
        call_cli("index", folder / f"{file}.csv", "--store", store, *SMALL_ENCODER)

    modes = (RANKINGS[0], RANKINGS[-1], *CLASSIFICATIONS[-2:])
    found, ranked = of_every_name(tmp_path, make, modes, rows[0]["filepath"])
    assert len(found) == 1
    assert all(one == ranked[0] for one in ranked)


def test_a_folder_of_images_under_five_names_and_in_any_order_of_the_machine(
    tmp_path: Path, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(folder: Path, file: str, store: Path) -> None:
        del file
        for row in rows:
            write_image(folder / row["split"] / row["label"] / row["filepath"], row)
        if "Photos" in folder.name:  # this machine lists its folders backwards
            with monkeypatch.context() as machine:
                backwards(machine)
                call_cli("index", folder, "--store", store, *SMALL_ENCODER)
        else:
            call_cli("index", folder, "--store", store, *SMALL_ENCODER)

    first = rows[0]
    uri = f"{first['split']}/{first['label']}/{first['filepath']}"
    found, ranked = of_every_name(tmp_path, make, CLASSIFICATIONS[1:3] + CLASSIFICATIONS[-2:], uri)
    assert len(found) == 1
    assert all(one == ranked[0] for one in ranked)


def backwards(machine: pytest.MonkeyPatch) -> None:
    """List every folder in the opposite order."""
    scandir, listdir = os.scandir, os.listdir

    @contextmanager
    def reversed_scandir(path: Any = ".") -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            yield iter(list(entries)[::-1])

    machine.setattr(os, "scandir", reversed_scandir)
    machine.setattr(os, "listdir", lambda path=".": listdir(path)[::-1])


def test_a_row_keeps_its_place_when_it_is_indexed_again_relabelled_or_joined(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """Rows that came later stand behind; nothing that is done to the others moves them."""
    columns = list(rows[0])
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    write_table(tmp_path / "one" / "t.csv", rows, columns)
    call_cli("import-vectors", tmp_path / "one" / "t.csv", "--vectors", "v*", "--store", whole)
    other = tmp_path / "two" / "t.csv"
    write_table(other, [{**row, "label": "other"} for row in rows[:40]], columns)
    call_cli("import-vectors", other, "--vectors", "v*", "--store", grown)
    space = call_json("info", "--store", grown)["spaces"][0]["name"]
    write_table(other, rows, columns)  # the labels of the first rows change, others are added
    call_cli("import-vectors", other, "--vectors", "v*", "--store", grown, "--space", space)
    call_cli("import-vectors", other, "--vectors", "v*", "--store", grown, "--space", space)
    modes = (*RANKINGS[:2], CLASSIFICATIONS[-1])
    assert numbers(grown, modes) == numbers(whole, modes)
    first = ("--where", "group <> 'g3'")
    assert numbers(grown, modes, *first) == numbers(whole, modes, *first)
