"""Prompts that the text tower does not read whole, or that are missing, through the command line."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json

NAMES = ("Amanita_muscaria", "Boletus_edulis", "Cantharellus_cibarius")
ZEROSHOT = ("eval", "--mode", "zeroshot", "-o", "bootstrap=20", "--store")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of each of three classes for training, and three for testing, in the space of vitrine-tiny."""
    folder = tmp_path_factory.mktemp("mushrooms")
    for split in ("train", "test"):
        for k, name in enumerate(NAMES):
            for i in range(3):
                path = folder / "img" / split / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = np.random.default_rng([k, i, split == "test"]).integers(0, 99, (32, 32, 3), dtype=np.uint8)
                noise[:, :, k] += 120
                Image.fromarray(noise).save(path)
    call_cli("index", folder / "img", "--store", folder / "s s", "--encoder", "open_clip/vitrine-tiny")
    return folder / "s s"


def prompts(path: Path, start: str) -> Path:
    caps = zip(NAMES, ("red", "brown", "yellow"), strict=True)
    path.write_text(json.dumps({name: [f"{start} and a {colour} cap"] for name, colour in caps}))
    return path


def test_prompts_that_differ_only_behind_the_context(store: Path, tmp_path: Path) -> None:
    """The case long_prompts: every class has the same vector, and top-1 is 1 / 3."""
    traits = ", ".join(f"a trait that is called number {i}" for i in range(30))
    long = prompts(tmp_path / "long.json", f"a photograph of a mushroom with {traits}")
    cut = "3 of 3 texts of bank long are longer than the 56 tokens that the text tower reads"
    same = "3 of 3 texts of bank long have the same vector as another text of another class"
    result = call_json(*ZEROSHOT, store, "--prompts", long)
    assert result["metrics"]["top_1"]["value"] == pytest.approx(1 / 3)
    assert [sum(text in warning for warning in result["warnings"]) for text in (cut, same)] == [1, 1]
    done = call_cli(*ZEROSHOT, store, "-o", "bank=long")
    said = " ".join((done.stdout + done.stderr).split())
    assert cut in said
    assert same in said


def test_prompts_of_usual_length_pass_in_silence(store: Path, tmp_path: Path) -> None:
    result = call_json(*ZEROSHOT, store, "--prompts", prompts(tmp_path / "short.json", "a photograph of a mushroom"))
    assert not [warning for warning in result["warnings"] if "text" in warning]


def test_missing_prompts_name_the_command_that_makes_them(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other store"
    call_cli("index", store.parent / "img", "--store", other, "--encoder", "open_clip/vitrine-tiny")
    error = call_cli(*ZEROSHOT, other, check=1).stderr
    assert len(error.strip().splitlines()) == 1
    command = re.search(r"This makes a file: (prompts make .*)", error)
    assert command is not None
    monkeypatch.chdir(tmp_path)
    call_cli(*shlex.split(command[1].strip().rstrip(".")))
    assert json.loads(Path("prompts.json").read_text())["Boletus_edulis"] == ["a photo of a Boletus edulis"]
    assert call_json(*ZEROSHOT, other, "--prompts", "prompts.json")["metrics"]["top_1"]["value"] >= 0


def test_a_space_without_a_text_tower_is_not_sent_to_prompts(store: Path, tmp_path: Path) -> None:
    call_cli("index", store.parent / "img", "--store", tmp_path / "s", *SMALL_ENCODER)
    error = call_cli(*ZEROSHOT, tmp_path / "s", check=1).stderr
    assert "has no text tower for prompts" in error
    assert "prompts make" not in error
    call_cli("eval", "--mode", "prototype", "-o", "bootstrap=20", "--store", tmp_path / "s")  # the way out


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\ufeff "])
def test_empty_prompts_are_refused(store: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.json"
    path.write_text(json.dumps({NAMES[0]: ["a", text], NAMES[1]: "b", NAMES[2]: "c"}))
    error = call_cli(*ZEROSHOT, store, "--prompts", path, check=1).stderr
    assert "prompt 2 of class 'Amanita_muscaria' is empty; remove it." in error


def test_prompts_without_a_word_are_told(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "signs.json"
    path.write_text(json.dumps({NAMES[0]: ["a", "--"], NAMES[1]: "b", NAMES[2]: "c"}))
    warnings = call_json(*ZEROSHOT, store, "--prompts", path)["warnings"]
    assert "1 text of bank signs without a letter or digit, such as '--'" in " ".join(warnings)


def test_a_search_says_what_it_did_not_read(store: Path, tmp_path: Path) -> None:
    search = ("search", "--store", store, "-k", "1")
    assert call_json(*search, "--text", "a photo of a red cap")["warnings"] == []
    (warning,) = call_json(*search, "--text", " ".join(["a red cap"] * 60))["warnings"]
    assert "and the text tower reads 56: its end is not read." in warning
    first, second = (Image.new("RGB", (9, 9), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "x.gif", save_all=True, append_images=[second])
    said = call_cli(*search, tmp_path / "x.gif").stderr
    assert said.startswith("Warning: ")
    assert "x.gif: several frames or pages, of which the first is used." in said


def test_lint_counts_what_the_text_tower_of_a_store_cuts(store: Path, tmp_path: Path) -> None:
    long = prompts(tmp_path / "long.json", " ".join(["a trait"] * 30))  # within CLIP's 77 tokens
    lint = ("prompts", "lint", long, "--store", store)
    assert re.search(r"check  3 of 3 texts beyond the 56 tokens that space vitrine-tiny", call_cli(*lint).stdout)
    assert list(call_json(*lint)["cut_by_space"].values()) == [3]
    short = prompts(tmp_path / "short.json", "a mushroom")
    assert "ok     no text beyond the 56 tokens" in call_cli("prompts", "lint", short, "--store", store).stdout
    assert call_json("prompts", "lint", short)["cut_by_space"] == {}
