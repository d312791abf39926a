from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import InputError
from tests.support.written_runs import write_run
from training.run_state import RunOutcome, running
from training.runs.plots import histories_figure, plot_history, plot_paths, score_name
from training.runs.run_folders import find_runs, read_run


def test_a_history_is_drawn_the_same_twice(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "v5", "v5"))
    for name in ("a.png", "b.png"):
        plot_history(run, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1000
        assert len(set(picture.convert("L").resize((50, 30)).tobytes())) > 20


def test_a_run_without_a_history_is_told(tmp_path: Path) -> None:
    with running(tmp_path, "reid") as note:
        (tmp_path / "recipe.json").write_text("{}")
        note.set_outcome(RunOutcome(interrupted=True, best_epoch=0, best_score=None))
    with pytest.raises(InputError, match="no history yet"):
        plot_history(read_run(tmp_path), tmp_path / "p.png")


def test_runs_are_drawn_side_by_side_by_their_scores(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / name, name)) for name in ("v5", "v6")]
    assert [score_name(run) for run in runs] == ["rank_1", "rank_1"]
    loss, scores = histories_figure(runs, "ViT").axes
    assert (loss.get_title("left"), scores.get_title("left")) == ("loss", "held-out Rank-1")
    for panel in (loss, scores):
        assert panel.get_legend_handles_labels()[1] == ["v5", "v6"]
    assert len(histories_figure(runs[:1], "ViT").texts) == 2  # by itself, with a note


def test_a_score_that_no_line_has_is_the_one_that_the_recipe_names(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "v5", "v5", selection="loss"))
    assert score_name(replace(run, best_score=0.61)) == "loss"
    assert score_name(replace(run, best_score=0.61, recipe={})) is None
    assert score_name(replace(run, best_score=None)) is None


def test_several_runs_have_a_picture_each(tmp_path: Path) -> None:
    for name in ("a/v1", "b/v1"):
        write_run(tmp_path / name, "v1")
    runs = find_runs(tmp_path)
    assert [path.name for path in plot_paths(runs, tmp_path / "p.png")] == ["p-a-v1.png", "p-b-v1.png"]
    assert plot_paths(runs[:1], tmp_path / "p.png") == [tmp_path / "p.png"]
