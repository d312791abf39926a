"""Job ``classifier`` through the command line: from the samples of a store to a space, and its layer as an arm."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.label_world import labelled_world

if TYPE_CHECKING:
    from pathlib import Path

    from training.data.training_data import TrainingData


def _write(folder: Path, data: TrainingData) -> Path:
    """Write the images and their table; of each class the last val sample is for testing."""
    assert data.images is not None
    folder.mkdir()
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "label", "split"])
        for row, name in enumerate(data.columns["label"]):
            data.images.decode(row).save(folder / f"{row}.png")
            last = row % 16 >= 13
            table.writerow([f"{row}.png", name, "test" if last else data.role[row]])
    return folder / "manifest.csv"


def test_a_classifier_of_a_store_becomes_an_arm(tmp_path: Path) -> None:
    manifest, store, run = _write(tmp_path / "world", labelled_world()), tmp_path / "store", tmp_path / "run"
    call_cli("index", manifest, "--store", store, *SMALL_ENCODER)
    command = (
        "train", "classifier", "--store", store, "--device", "cpu", "model.name=timm/test_byobnet", "batch=16",
        "model.preprocess.img_size=32", "data.limit_per_class=10", "loop.epochs=5", "loop.learning_rate=3e-3",
        "loop.amp=off",
    )  # fmt: skip
    done = call_cli(*command, "--out", run)
    assert "40 to train on, 4 held out (val)" in done.stderr
    assert "200,884 of 200,884 parameters are trained" in done.stdout
    report = call_json("refresh", "--checkpoint", run, "--store", store, "--no-compare")
    parent = call_json("info", "--store", store)["spaces"][0]["name"]
    arms = ("--arm", f"old={parent}:prototype", f"new={report['space']}:classifier")
    result = call_json("eval", "--mode", "fusion", "--store", store, *arms)
    assert result["arms"]["new"]["metrics"]["top_1"]["value"] >= 0.75
    (tmp_path / "world" / "3.png").unlink()
    gone = call_cli(*command, "--space", parent, "--out", tmp_path / "other", check=1)
    assert "images are gone" in gone.stderr
    assert not (tmp_path / "other" / "state.pt").exists()
