"""Names that would write on a terminal, run in a spreadsheet or mark up a page are shown as text, in every output."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitrine
from tests.support.command_line import SMALL_ENCODER, call_cli

EVIL = "=1+1\x1b[31m\u202e\x9b[/red]<b>&|$\\foo$\x07"
"""A formula, escape sequences, an override of the writing direction, markup of rich and of HTML, a broken formula of
matplotlib."""

LABEL = EVIL.replace("\u202e", "")  # the label that is stored: names lose what nobody sees in them

PLAIN = "Ölberg \"x\" 'y' <z> -1"
"""What is odd, but shows as it is."""

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def say(*words: str | Path, check: int = 0) -> str:
    """Run a command and return what it says, which must be clean."""
    done = call_cli(*words, check=check)
    text = done.stdout + done.stderr
    assert not RAW.search(text), ascii(text)
    return text


def data(*words: str | Path) -> Any:
    """Run a command with ``--json`` and read what it prints, which must be clean before it is read."""
    done = call_cli(*words, "--json")
    assert not RAW.search(done.stdout + done.stderr), ascii(done.stdout)
    return json.loads(done.stdout)


def clean_file(path: Path) -> str:
    text = path.read_bytes().decode()
    assert not RAW.search(text.replace("\r\n", "")), path
    return text


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of eight samples of each of three labels and identities, whose names and paths are hostile and plain."""
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    with (folder / "vectors.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "label", "identity", "camera", "split", "note", *(f"v{at}" for at in range(6))])
        for at in range(48):
            name = (EVIL, PLAIN, "c")[at % 3]
            split = ("train", "test", "query", "gallery")[at // 12]
            vector = rng.standard_normal(6) + 2 * np.eye(6)[at % 3]
            table.writerow([f"{name}{at}", name, name, f"{EVIL}{at % 2}", split, EVIL, *vector])
    fields = ("--vectors", "v*")
    assert "48" in say("import-vectors", folder / "vectors.csv", *fields, "--store", folder / "store")
    return folder / "store"


def test_index_of_a_folder_and_of_a_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for at, name in enumerate((EVIL, PLAIN, EVIL)):
        path = tmp_path / "images" / name.replace("/", "") / f"{name.replace('/', '')}{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    (path.parent / f"{EVIL.replace('/', '')}.png").write_bytes(b"no image")
    to = ("--store", tmp_path / "store", *SMALL_ENCODER)
    assert "\\x1b[31m" in say("index", tmp_path / "images", "--source", "folder", *to, check=3)
    with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "label"])
        table.writerow([path.relative_to(tmp_path), EVIL])
        table.writerow([f"{EVIL}.png", "missing"])
    say("index", tmp_path / "table.csv", *to)
    say("search", path, "--store", tmp_path / "store", "--sheet", tmp_path / "sheet.png")
    said = say("info", "--store", tmp_path / "store")
    assert PLAIN in said
    say("verify", "--store", tmp_path / "store")
    say("audit", "--store", tmp_path / "store", "--sheet", tmp_path / "pairs.png", check=4)  # one image, two labels


def test_json_is_exact(store: Path) -> None:
    found = data("info", "--store", store)
    assert found["per_class"] == {LABEL: 16, PLAIN: 16, "c": 16}
    hits = data("search", "--label", LABEL, "--store", store)
    assert hits["query"]["value"] == LABEL


def test_search_shows_names_as_text(store: Path) -> None:
    said = say("search", "--label", LABEL, "--store", store, "-k", "30")
    assert "[/red]" in said
    assert PLAIN in said
    assert "\\x1b[31m\\x9b[/red]" in said
    result = vitrine.search(store, label=LABEL, k=30)
    assert not RAW.search(repr(result) + result._repr_html_())
    assert "<b>" not in result._repr_html_()
    assert "No label" in say("search", "--label", f"{EVIL}?", "--store", store, check=2)


@pytest.mark.parametrize(
    "mode",
    [
        ("reid",),
        ("verification",),
        ("knn",),
        ("prototype",),
        ("fewshot", "-o", "shots=1"),
        ("fusion", "--arm", "vectors:prototype", "--arm", "vectors:knn", "-o", "val_from=train:0.3"),
    ],
    ids=lambda mode: mode[0],
)
def test_eval_and_report(store: Path, tmp_path: Path, mode: tuple[str, ...]) -> None:
    out = tmp_path / "result.json"
    slices = ("-o", "slice=camera") if mode[0] in {"reid", "verification"} else ()
    say("eval", "--mode", *mode, *slices, "--store", store, "--out", out)
    data("eval", "--mode", *mode, *slices, "--store", store)
    say("eval", "--from", out, "--store", store)
    if mode[0] != "verification":
        say("compare", out, out, "--store", store)
    say("report", out, "--out", tmp_path / "report", "--title", EVIL)
    page = clean_file(tmp_path / "report" / "report.html")
    assert "<b>" not in page
    assert not re.search(r"(?<!\\)\|\$", clean_file(tmp_path / "report" / "report.md"))
    for path in tmp_path.rglob("*.csv"):
        cells = [cell for row in csv.reader(clean_file(path).splitlines()) for cell in row]
        assert any("\\x1b" in cell for cell in cells)
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_lists_of_a_store(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "splits.csv"
    say("eval", "--mode", "prototype", "--store", store)
    say("results", "--store", store)
    for entry in data("results", "--store", store):
        json.loads(call_cli("results", "show", entry["id"], "--store", store).stdout)
    say("splits", "list", "--store", store)
    sets = data("splits", "list", "--store", store)
    say("splits", "export", next(iter(sets)), "--out", out, "--store", store)
    rows = list(csv.DictReader(clean_file(out).splitlines()))
    assert any(row["uri"].startswith("'=1+1") for row in rows)


def test_prompts(store: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(f"{EVIL}\n{PLAIN}\n", encoding="utf-8")
    out = tmp_path / "set.json"
    say("prompts", "make", "--names", tmp_path / "names.txt", "--template", "a photo of a {name}", "--out", out)
    say("prompts", "make", "--names", tmp_path / "names.txt", "--template", "a photo of a {name}")
    say("prompts", "lint", out)
    say("prompts", "diff", out, out)
    say("prompts", "lint", tmp_path / f"{EVIL}.json", check=1)
