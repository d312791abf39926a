"""The command ``train``: what it prints, and exit statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.caption_images import draw, recipe
from tests.support.command_line import call_cli, call_json
from tests.support.tiny_job import ENTRY
from tests.support.vector_store import make_vector_store
from training.registry import JOBS

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("tiny", "--device", "cpu", "loop.epochs=2")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, "tiny", ENTRY)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vector_store(tmp_path_factory.mktemp("vectors"))


def test_train_from_a_recipe_with_an_override(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe(draw(tmp_path / "w"))))
    arguments: list[str | Path] = [
        "clip",
        "--config",
        tmp_path / "r.yaml",
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
    ]
    done = call_json("train", *arguments, "loop.epochs=1")
    assert (done["job"], done["epochs"], done["encoder"]) == ("clip", 1, str(tmp_path / "run" / "encoder"))
    assert "best: epoch 1" in call_cli("train", *arguments, "loop.epochs=1").stdout
    other = call_cli("train", *arguments, "loop.epochs=2", check=1)
    assert "holds a run of another recipe (other loop.epochs); choose a new --out" in other.stderr
    store = call_cli("train", *arguments, "--store", tmp_path / "store", check=1)
    assert "The job clip reads its own data, and no store; leave out --store." in store.stderr


def test_a_job_on_a_store_needs_neither_recipe_nor_folder(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = call_cli("train", *SMALL, "--store", store, "data.where=label = 'class 1'", check=1)
    assert "needs two classes" in failed.stderr
    assert not (tmp_path / "runs").exists()  # and its number is free
    first = call_cli("train", *SMALL, "--store", store)
    assert "Recipe: the defaults of the job tiny" in first.stderr
    assert "Run: runs/tiny-1" in first.stderr
    assert "60 of 75 samples: 45 to train on, 15 held out (val)." in first.stderr
    assert "24 of 24 parameters are trained" in first.stdout
    assert "2 epochs; best: epoch" in first.stdout
    assert call_json("train", *SMALL, "--store", store)["out"] == "runs/tiny-2"
    again = call_cli("train", *SMALL, "--store", store, "--out", "runs/tiny-2", "--resume")
    assert "stage classes" not in again.stdout  # it has ended
    kept = json.loads((tmp_path / "runs" / "tiny-1" / "data.json").read_text())
    assert {name: kept[name] for name in ("space", "train", "val", "classes")} == {
        "space": "imported@fce0", "train": 45, "val": 15, "classes": 3,
    }  # fmt: skip


def test_what_cannot_be_done_is_one_sentence(store: Path, tmp_path: Path) -> None:
    cases: tuple[tuple[list[str | Path], int, str], ...] = (
        (["clip"], 1, "The job clip has no usual recipe (recipe: option 'sources' is needed); name one as --config."),
        ([*SMALL, "--config", "vitrine-tiny"], 1, "vitrine-tiny is a recipe of the job clip, not of tiny; train clip."),
        ([*SMALL, "--resume"], 1, "Name the folder --out of the run to resume."),
        ([*SMALL, "--resume", "--out", tmp_path / "x"], 1, "There is nothing to resume in"),
        ([*SMALL, "--store", tmp_path / "none", "--out", tmp_path / "x"], 1, "none"),
        ([*SMALL, "--space", "importde"], 2, "Did you mean 'imported@fce0'"),
        ([*SMALL, "loop.epoch=3"], 2, "Did you mean 'epochs'"),
        ([*SMALL, "data.target=lable"], 2, "lable"),
        ([*SMALL, "data.where=label = 'x'"], 1, "None of the 45 train samples is left to train on (not meeting"),
        (["tinny"], 2, "Did you mean 'tiny'"),
        ([*SMALL, "--config", "tinny.yaml"], 2, "No file, or recipe that ships, 'tinny.yaml'."),
    )
    for words, status, sentence in cases:
        given: list[str | Path] = ["--out", tmp_path / "y"] if "--out" not in words and "--resume" not in words else []
        given += ["--store", store] if "--store" not in words and words[0] != "clip" else []
        done = call_cli("train", *words, *given, check=status)
        assert sentence in done.stderr, done.stderr
        assert done.stderr.count("Error") == 1
    assert not (tmp_path / "y").exists()


def test_other_samples_do_not_go_on_in_the_same_folder(tmp_path: Path) -> None:
    store = make_vector_store(tmp_path)
    words = ("train", *SMALL, "--store", store, "--out", tmp_path / "run")
    call_cli(*words)
    call_cli("forget", "--where", "label = 'class 1'", "--store", store, "--yes")
    refused = call_cli(*words, check=1)
    assert "was trained on other samples than the store has now (45 and 15, now 30 and 10 of train and val)" in (
        refused.stderr
    )


def test_tensorboard_that_is_not_installed_is_told_before_anything_is_read(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = call_cli("train", *SMALL, "--store", store, "--out", tmp_path / "run", "--tensorboard", check=1)
    assert "pip install 'vitrine[tensorboard]'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_options_lists_every_key_of_a_recipe() -> None:
    (section,) = call_json("train", "clip", "--options")
    rows = {row["name"]: row for row in section["options"]}
    assert {"batch", "loop.epochs", "sources.NAME.path", "model.embed_dim", "pixels.size"} <= rows.keys()
    assert rows["loop.epochs"]["default"] == "30"
    assert "Passes over" in call_cli("train", "clip", "--options").stdout
