"""The command ``train``: what it prints, and exit statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml
from click.testing import CliRunner

from retrieval.errors import InputError
from tests.support.caption_images import draw, recipe
from training.commands import train_command

if TYPE_CHECKING:
    from pathlib import Path


def test_train_from_a_recipe_with_an_override(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe(draw(tmp_path / "w"))))
    arguments = ["clip", "--config", str(tmp_path / "r.yaml"), "--out", str(tmp_path / "run"), "--device", "cpu"]
    result = CliRunner().invoke(train_command, [*arguments, "loop.epochs=1", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["epochs"] == 1
    again = CliRunner().invoke(train_command, [*arguments, "loop.epochs=1"])
    assert again.exit_code == 0
    assert "best: epoch 1" in again.stdout
    other = CliRunner().invoke(train_command, [*arguments, "loop.epochs=2"])
    assert isinstance(other.exception, InputError)


def test_options_lists_every_key_of_a_recipe() -> None:
    result = CliRunner().invoke(train_command, ["clip", "--options", "--json"])
    assert result.exit_code == 0, result.output
    (section,) = json.loads(result.stdout)
    rows = {row["name"]: row for row in section["options"]}
    assert {"batch", "loop.epochs", "sources.NAME.path", "model.embed_dim", "pixels.size"} <= rows.keys()
    assert rows["loop.epochs"]["default"] == "30"
    assert "Passes over" in CliRunner().invoke(train_command, ["clip", "--options"]).stdout


def test_a_recipe_and_a_folder_are_needed(tmp_path: Path) -> None:
    for words in (["clip"], ["clip", "--config", str(tmp_path / "r.yaml")]):
        result = CliRunner().invoke(train_command, words)
        assert result.exit_code == 2
        assert "Missing option" in result.stderr
