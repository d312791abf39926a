"""What is read from the folders of runs, whole and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval.errors import InputError, MissingFileError
from tests.support.written_runs import write_run
from training.run_state import running
from training.runs.run_folders import find_runs, read_run


def test_a_run_is_read_from_its_files(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "v5", "v5"))
    assert (run.name, run.job, run.version, run.remarks) == ("v5", "reid", "v5", "remarks on v5")
    assert (run.space, run.backbone) == ("vit-b-16", "open_clip/ViT-B-16")
    assert (run.epochs, run.planned, run.best_epoch, run.best_score) == (3, 3, 2, 0.6)
    assert (run.state, run.seconds, run.problem) == ("finished", 90.0, None)


@pytest.mark.parametrize(
    ("model", "backbone"),
    [
        ({"name": "timm/resnet18", "weights": None}, "timm/resnet18"),
        ({"name": "timm/resnet18:a1_in1k"}, "timm/resnet18"),
        ({"name": "hf-hub:timm/resnet18.a1_in1k"}, "hf-hub:timm/resnet18.a1_in1k"),
        ({"name": None, "dropout": 0.0}, "open_clip/ViT-B-16"),
    ],
)
def test_the_backbone_is_the_network_that_the_recipe_names(
    model: dict[str, object], backbone: str, tmp_path: Path
) -> None:
    """A network of its own, trained on the samples of a space, is not the encoder of that space."""
    out = write_run(tmp_path / "v5", "v5")
    (out / "recipe.json").write_text(json.dumps({"model": model}))
    assert read_run(out).backbone == backbone


def test_an_interrupted_run_has_the_best_of_its_history(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5", scores=(0.3, 0.1), finished=False)
    assert read_run(out).state == "interrupted"
    (out / "run.json").unlink()  # as of a version that wrote none, killed
    run = read_run(out)
    assert (run.state, run.best_epoch, run.best_score, run.epochs) == ("interrupted", 1, 0.3, 2)
    assert run.backbone == ""


def test_a_run_without_a_record_has_the_encoder_of_its_space(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5", finished=False)
    (out / "run.json").write_text(json.dumps({"job": "reid", "encoder": "open_clip/ViT-B-16"}))
    assert read_run(out).backbone == "open_clip/ViT-B-16"


def test_of_equal_scores_the_best_has_the_lower_nll(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5", finished=False)
    (out / "run.json").unlink()
    lines = ['{"epoch": 1, "score": 0.0, "nll": 2.0}', '{"epoch": 2, "score": 0.0, "nll": 1.0}']
    (out / "history.jsonl").write_text("\n".join(lines))
    assert (read_run(out).best_epoch, read_run(out).best_score) == (2, 0.0)


def test_a_run_is_running_while_its_process_holds_the_lock(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5")
    with running(out, "reid"):
        assert read_run(out).state == "running"
    assert read_run(out).state == "finished"


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    out = tmp_path / "v5"
    with pytest.raises(InputError):
        _fail(out)
    assert (read_run(out).state, read_run(out).problem) == ("failed", "the loss became nan.")


def _fail(out: Path) -> None:
    with running(out, "reid") as note:
        (out / "recipe.json").write_text("{}")
        note.set_begun()
        raise InputError("the loss became nan.")


def test_runs_are_listed_in_natural_order_and_encoders_in_them_are_none(tmp_path: Path) -> None:
    for name in ("v10", "v2", "more/v1"):
        write_run(tmp_path / name, name)
    encoder = tmp_path / "v2" / "encoder"
    encoder.mkdir()
    (encoder / "recipe.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    assert [run.name for run in find_runs(tmp_path)] == ["more/v1", "v2", "v10"]
    assert [run.name for run in find_runs(tmp_path / "v2")] == ["v2"]


@pytest.mark.parametrize("name", ["recipe.json", "training.json", "run.json", "history.jsonl"])
@pytest.mark.parametrize("content", ["{", "[1]", "\x00\xff", ""])
def test_a_damaged_run_is_a_run_that_says_so(name: str, content: str, tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5")
    (out / name).write_bytes(content.encode("latin-1"))
    run = read_run(out)
    if (name, content) == ("history.jsonl", ""):
        assert run.state == "finished"  # a history without a line is one
        return
    assert run.state == "damaged"
    assert run.problem is not None
    assert name in run.problem
    assert "\n" not in run.problem
    assert run.version == (None if name == "recipe.json" else "v5")


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no training run"):
        read_run(tmp_path)
    for read in (read_run, find_runs):
        with pytest.raises(MissingFileError, match="no such folder"):
            read(tmp_path / "absent")
