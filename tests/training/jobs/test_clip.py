"""Job ``clip`` on a tiny world: it learns, goes on where it stopped, and leaves an encoder that can be indexed with."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from retrieval.encoders import shipped
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, VitrineError, WeightsError
from tests.support.caption_images import draw, recipe
from tests.support.interruptions import stop_after
from training.config import validate_recipe
from training.jobs.clip import JOB
from training.jobs.clip_recipe import ClipRecipe
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from pathlib import Path

    from training.loop import TrainingResult


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("world") / "shapes")


@pytest.fixture(scope="module")
def trained(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _train(recipe(world, epochs=25), out)
    return out


def _train(plan: dict[str, Any], out: Path) -> TrainingResult:
    return JOB.run(validate_recipe(ClipRecipe, plan, "recipe"), None, out, RunSettings("cpu", quiet=True))


def _history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


def test_the_loss_falls_and_held_out_captions_are_found(trained: Path) -> None:
    history = _history(trained)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    chance = np.mean(1 / np.arange(1, 13))  # of 12 captions
    assert max(line["retrieval"] for line in history) > 1.8 * chance


def test_a_run_that_stopped_equals_one_that_did_not(world: Path, tmp_path: Path, monkeypatch: Any) -> None:
    plan = recipe(world, epochs=4)
    _train(plan, tmp_path / "whole")
    for batches in (2, 5):  # of three an epoch: within the first and the third
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            fitted = _train(plan, tmp_path / "parts")
            assert fitted.interrupted
    _train(plan, tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / "encoder" / shipped.WEIGHTS) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(tensor, parts[name], err_msg=name)
    figures = [[{**line, "seconds": 0} for line in _history(tmp_path / name)] for name in ("whole", "parts")]
    assert figures[0] == figures[1]


def test_a_finished_run_is_not_trained_again(trained: Path, world: Path) -> None:
    before = (trained / "state.pt").stat().st_mtime_ns
    fitted = _train(recipe(world, epochs=25), trained)
    assert len(fitted.history) == 25
    assert (trained / "state.pt").stat().st_mtime_ns == before


def test_it_stops_when_the_held_out_score_no_longer_rises(world: Path, tmp_path: Path) -> None:
    # A rate of almost nothing: the first epoch stays the best, or nearly.
    plan = recipe(world, epochs=30, patience=2, learning_rate=1e-12)
    fitted = _train(plan, tmp_path / "run")
    assert len(fitted.history) == fitted.best_epoch + 2 < 30


def test_pieces_train_the_same_model(world: Path, tmp_path: Path) -> None:
    for pieces in (1, 3):
        _train(recipe(world, epochs=2, pieces=pieces), tmp_path / str(pieces))
    one, three = (_history(tmp_path / str(pieces)) for pieces in (1, 3))
    assert [line["loss"] for line in one] == pytest.approx([line["loss"] for line in three], rel=1e-3)


def test_the_card_says_whether_test_images_were_trained_on(world: Path, trained: Path, tmp_path: Path) -> None:
    assert "split test of shapes were not read" in (trained / "encoder" / "README.md").read_text()
    plan = recipe(world, epochs=1)
    plan["sources"]["shapes"]["whole"] = True
    _train(plan, tmp_path / "run")
    card = (tmp_path / "run" / "encoder" / "README.md").read_text()
    assert "Of shapes rows of the split test were trained on" in card
    assert "not read" not in card


def test_test_images_are_not_even_opened(world: Path, tmp_path: Path) -> None:
    without = shutil.copytree(world, tmp_path / "shapes")
    for path in (without / "images").glob("*-4.png"):
        path.unlink()
    fitted = _train(recipe(without, epochs=1), tmp_path / "run")
    assert len(fitted.history) == 1


def test_the_encoder_embeds_images_and_texts_by_its_name(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(shipped, "MODELS", tmp_path)
    with pytest.raises(MissingFileError, match="vitrine train"):
        resolve(EncoderRequest("open_clip/vitrine-tiny", device="cpu"))
    shutil.copytree(trained / "encoder", tmp_path / "vitrine-tiny")
    monkeypatch.chdir(tmp_path)
    spec = resolve(EncoderRequest("open_clip/vitrine-tiny", device="cpu", precision="fp32"))
    assert spec.preprocess is not None
    assert spec.preprocess.crop == (40, 40)
    assert spec.preprocess.mean == (0.5, 0.5, 0.5)
    encoder: Any = load(spec, "cpu")
    images = encoder.encode_images(np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3)).astype(np.uint8))
    texts = encoder.encode_texts(["a photo of a red disc", "völlig anderes §"])
    for vectors, n in ((images.vectors, 3), (texts.vectors, 2)):
        assert vectors.shape == (n, 16)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert 1 <= encoder.logit_scale <= 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tokns": 3}, "Did you mean 'tokens'"),
        ({"loop": {"epoch": 3}}, "Did you mean 'epochs'"),
        ({"augmentation": {"hue": 1}}, "no option 'hue'"),
        ({"loop": 3}, "group of keys"),
        ({"sources": {}}, "at least one folder"),
        ({"sources": {"shapes": None}}, "at least one folder"),
        ({"batch": 1}, "batch=1"),
        ({"sources": {"shapes": {"path": "nowhere"}}}, "nowhere/captions.csv does not exist"),
    ],
)
def test_recipes_that_cannot_be_used_say_why(world: Path, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(VitrineError, match=says):
        _train({**recipe(world), **change}, tmp_path / "run")


def test_a_model_that_cannot_be_built_says_which_group_is_wrong(world: Path, tmp_path: Path) -> None:
    plan = recipe(world)
    plan["model"]["text_cfg"]["widht"] = 3
    with pytest.raises(InputError, match="group 'model'"):
        _train(plan, tmp_path / "run")


def test_another_recipe_does_not_go_on_in_the_same_folder(world: Path, trained: Path) -> None:
    with pytest.raises(InputError, match=r"other loop\.learning_rate"):
        _train(recipe(world, epochs=25, learning_rate=1e-4), trained)


def test_a_recipe_that_never_trained_may_be_corrected(world: Path, tmp_path: Path) -> None:
    wrong = recipe(world)
    wrong["model"]["text_cfg"]["heads"] = 3
    with pytest.raises(InputError):
        _train(wrong, tmp_path / "run")
    _train(recipe(world, epochs=1), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["model"]["text_cfg"]["heads"] == 2


def test_a_damaged_state_says_what_to_do(world: Path, tmp_path: Path) -> None:
    _train(recipe(world, epochs=1), tmp_path / "run")
    (tmp_path / "run" / "state.pt").write_bytes(b"half")
    with pytest.raises(WeightsError, match="delete it to begin again"):
        _train(recipe(world, epochs=1), tmp_path / "run")
