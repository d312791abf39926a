"""Draw, train, index, evaluate through the command line: what a job leaves is an encoder by its folder's name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.caption_images import recipe
from tests.support.command_line import call_cli, call_json, run_cli

ENCODER = ("--precision", "fp32", "--device", "cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few drawn species in ``species``, and a run of two epochs on them in ``run``."""
    folder = tmp_path_factory.mktemp("trained")
    words = ("--species", "5", "--n", "6", "--size", "64", "--workers", "1")
    call_cli("sample", "species", "--out", folder / "species", *words)
    (folder / "r.yaml").write_text(yaml.safe_dump(recipe(folder / "species", epochs=2)))
    trained = call_json("train", "clip", "--config", folder / "r.yaml", "--out", folder / "run", "--device", "cpu")
    assert trained["encoder"] == str(folder / "run" / "encoder")
    return folder


def _indexed(world: Path, store: str, encoder: str | Path, run: Callable[..., object] = call_cli) -> tuple[str, str]:
    """Fingerprint and name of the one space of a new store."""
    run("index", world / "species" / "manifest.csv", "--store", world / store, "--encoder", encoder, *ENCODER)
    (space,) = call_json("info", "--store", world / store)["spaces"]
    assert space["encoder"] == "open_clip/tiny"
    return space["fingerprint"], space["name"]


def test_a_trained_folder_indexes_and_evaluates_wherever_it_lies(world: Path) -> None:
    encoder = world / "run" / "encoder"
    fingerprint, name = _indexed(world, "s", encoder, run_cli)  # a process that knows nothing of the training
    assert name.startswith("tiny@")
    words = ("--mode", "zeroshot", "--prompts", world / "species" / "prompts_attr_clean.json", "-o", "choose=none")
    call_cli("eval", *words, "--store", world / "s", "--out", world / "result.json")
    result = json.loads((world / "result.json").read_text(encoding="utf-8"))
    assert result["label_universe"]["n"] == 4
    moved = shutil.copytree(encoder, world / "moved")
    for store, other in (("moved.s", moved), ("named.s", f"checkpoint/{moved}"), ("run.s", world / "run")):
        assert _indexed(world, store, other)[0] == fingerprint


def test_a_folder_without_one_of_its_parts_is_one_line(world: Path) -> None:
    broken = shutil.copytree(world / "run" / "encoder", world / "broken")
    (broken / "vocabulary.txt.gz").unlink()
    manifest = world / "species" / "manifest.csv"
    done = call_cli("index", manifest, "--store", world / "b", "--encoder", broken, *ENCODER, check=1)
    assert "its part vocabulary.txt.gz is missing" in done.stderr
    done = call_cli("index", manifest, "--store", world / "b", "--encoder", world / "species", *ENCODER, check=1)
    assert "it should hold encoder.json" in done.stderr
    assert not (world / "b").exists()
