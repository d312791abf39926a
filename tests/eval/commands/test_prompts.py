"""The command line of prompt sets, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from collections.abc import Mapping

MUSHROOM = SHARED / "mushroom"


def prompt_file(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs of one colour on green, red ones in train and blue ones in test."""
    folder = tmp_path_factory.mktemp("discs")
    rows = ["filepath,label,split"]
    for split, colour in (("train", (229, 0, 0)), ("test", (3, 67, 223))):
        for at in range(3):
            image = Image.new("RGB", (96, 96), (21, 176, 26))
            image.paste(colour, (25 + at, 25, 70, 70))
            image.save(folder / f"{split}{at}.png")
            rows.append(f"{split}{at}.png,Amanita_muscaria,{split}")
    (folder / "all.csv").write_text("\n".join(rows) + "\n")
    call_cli("index", folder / "all.csv", "--source", "manifest", "--store", folder / "s", *SMALL_ENCODER)
    return folder / "s"


def test_make_with_attributes_and_a_delta(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("0\tAmanita_muscaria\t\n1\tBoletus edulis\t\n")
    (tmp_path / "table.csv").write_text("species,colour\nAmanita muscaria,red;orange\n")
    (tmp_path / "templates.txt").write_text("the {name}\n")
    baseline = prompt_file(tmp_path / "base.json", {"Boletus edulis": ["the Boletus edulis"]})
    made = ["prompts", "make", "--names", str(tmp_path / "labels.tsv"), "--attributes", str(tmp_path / "table.csv")]
    made += ["--template", "a {colour} {name}", "--templates", str(tmp_path / "templates.txt")]
    done = call_cli(*made, "--net-new", baseline)
    assert json.loads(done.stdout) == {
        "Amanita_muscaria": ["a red Amanita muscaria", "a orange Amanita muscaria", "the Amanita muscaria"]
    }
    assert "'a {colour} {name}' is left out for 1 of 2 classes" in done.stderr
    report = call_json(*made, "--out", tmp_path / "new" / "set.json")
    assert (report["prompts"], report["classes"], report["texts"]) == (4, 2, 4)
    assert report["skipped"] == [{"template": "a {colour} {name}", "classes": 1}]
    assert read(tmp_path / "new" / "set.json")["Boletus edulis"] == ["the Boletus edulis"]


def test_colours_come_from_the_stores_train_images(store: Path) -> None:
    done = call_cli("prompts", "make", "--colours-from", store, "--template", "a {colour} {name}")
    assert json.loads(done.stdout) == {"Amanita_muscaria": ["a red Amanita muscaria"]}
    assert "Colours of 1 class from 3 train images." in done.stderr


def test_merge_clean_and_diff(tmp_path: Path) -> None:
    first = prompt_file(tmp_path / "a.json", {"a": ["x", "y"], "b": ["z"]})
    second = prompt_file(tmp_path / "b.json", {"a": ["y", "w w  "], "c": "v"})
    report = call_json("prompts", "merge", first, second, "--out", tmp_path / "both.json")
    assert (report["prompts"], report["repeated"]) == (5, 1)
    assert read(tmp_path / "both.json") == {"a": ["x", "y", "w w  "], "b": ["z"], "c": ["v"]}
    done = call_cli("prompts", "clean", tmp_path / "both.json", "--out", tmp_path / "clean.json")
    assert "1 changed, 0 empty, 0 repeats" in done.stderr
    assert read(tmp_path / "clean.json")["a"] == ["x", "y", "w"]
    found = call_json("prompts", "diff", first, second, "--out", tmp_path / "delta.json")
    assert (found["new"], found["dropped"], found["changed"], found["same"]) == (2, 2, 0, 1)
    assert (found["classes_new"], found["classes_dropped"]) == (["c"], ["b"])
    assert read(tmp_path / "delta.json") == {"a": ["w w  "], "c": ["v"]}
    assert "1 the same" in call_cli("prompts", "diff", first, second).stdout
    assert "No difference: 3 prompts are the same." in call_cli("prompts", "diff", first, first).stderr


def test_lint_with_labels_and_with_a_store(tmp_path: Path, store: Path) -> None:
    prompts = prompt_file(tmp_path / "p.json", {"Amanita muscaria": ["a {colour} cap", "a cap"], "Imleria": ["a cap"]})
    (tmp_path / "labels.txt").write_text("Amanita_muscaria\nBoletus\n")
    done = call_cli("prompts", "lint", prompts, "--labels", tmp_path / "labels.txt")
    assert "p: 3 prompts of 2 classes (1 to 2 each), 2 unique texts" in done.stdout
    assert "Of 2 classes, 1 without a prompt can never be answered: Boletus." in done.stdout
    assert "Prompts of 1 class take no part" in done.stdout
    assert "check  1 prompt with placeholders left in" in done.stdout
    assert "'Amanita muscaria' to 'Amanita_muscaria'" in done.stderr
    found = call_json("prompts", "lint", prompts, "--store", store)
    assert found["coverage"]["without_class"] == ["Imleria"]
    assert found["placeholders"] == [{"label": "Amanita muscaria", "text": "a {colour} cap", "detail": "{"}]
    assert call_json("prompts", "lint", prompts)["coverage"] is None


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["make", "--template", "a {}"], 2, "--names FILE"),
        (["make", "--names", "{names}"], 2, "--template"),
        (["make", "--names", "{names}", "--template", "a photo"], 1, "has no field"),
        (["make", "--names", "none.txt", "--template", "a {}"], 1, "none.txt does not exist"),
        (["make", "--colours-from", "nowhere", "--template", "a {}"], 1, "no store here"),
        (["merge"], 2, "Missing argument"),
        (["merge", "{names}"], 1, "is not a prompt set in JSON"),
        (["diff", "{set}", "none.json"], 1, "none.json does not exist"),
        (["lint", "{set}", "--labels", "{names}", "--store", "s"], 2, "one place"),
        (["merge", "{set}", "--out", "{names}/x/y.json"], 1, "choose another place for --out"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, args: list[str], status: int, says: str) -> None:
    (tmp_path / "names.txt").write_text("a\n")
    prompt_file(tmp_path / "set.json", {"a": ["x"]})
    places = {"names": str(tmp_path / "names.txt"), "set": str(tmp_path / "set.json")}
    given = [places.get(arg[1:-1], arg) if arg.startswith("{") and arg.endswith("}") else arg for arg in args]
    given = [arg.replace("{names}", places["names"]) for arg in given]
    done = call_cli("prompts", *given, check=status)
    assert says in done.stderr
    assert done.stdout == ""
    if status == 1:
        assert len(done.stderr.strip().splitlines()) == 1


@needs_shared
def test_the_mushroom_prompts(tmp_path: Path) -> None:
    plain, delta = MUSHROOM / "class_prompts_plain.json", MUSHROOM / "delta_prompts.json"
    report = call_json("prompts", "merge", plain, delta, "--out", tmp_path / "both.json")
    assert (report["prompts"], report["classes"], report["repeated"]) == (11_065, 169, 0)
    done = call_cli("prompts", "diff", plain, tmp_path / "both.json", "--out", tmp_path / "delta.json", "--json")
    assert json.loads(done.stdout)["new"] == 10_389
    delta_again, original = read(tmp_path / "delta.json"), read(delta)
    assert {label: set(texts) for label, texts in delta_again.items()} == {k: set(v) for k, v in original.items()}
    linted = call_json("prompts", "lint", delta, "--labels", MUSHROOM / "labels.tsv")
    assert (linted["rows"], linted["texts"], len(linted["shared"])) == (10_389, 8_647, 19)
    assert linted["coverage"]["without_prompt"] == linted["coverage"]["without_class"] == []


def test_make_takes_the_labels_of_a_store(store: Path, tmp_path: Path) -> None:
    made = ("prompts", "make", "--template", "a photo of a {name}")
    assert json.loads(call_cli(*made, "--store", store).stdout) == {
        "Amanita_muscaria": ["a photo of a Amanita muscaria"]
    }
    names = tmp_path / "names.txt"
    names.write_text("a\n")
    assert "--names or --store" in call_cli(*made, "--store", store, "--names", names, check=2).stderr
