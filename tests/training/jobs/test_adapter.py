"""The job ``adapter``: it gains where there is something to learn, and leaves an encoder or a bank."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eval.registry import load_scorer
from eval.runs.arms import class_bank
from eval.seams.scorer import ClassBank
from retrieval.encoders.adapter import PARENT, adapter_spec, mapped_vectors, read_adapter
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError
from retrieval.search.exact import ExactIndex
from retrieval.types import Bank, Embeddings
from tests.support import tiny_open_clip as tiny
from tests.support.adapter_tasks import (
    CLASSES,
    NAMES,
    SCALE,
    SPACE,
    before_projection,
    planted,
    recipe,
    training_data,
    without_texts,
    zero_shot,
)
from tests.support.class_banks import arm_of
from tests.support.encoder_folders import two_towers
from tests.support.interruptions import stop_after
from training.export import read_banks, read_record
from training.jobs.adapter import JOB
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from pathlib import Path

    from eval.seams.scorer import ScorerTask
    from retrieval.types import Encoder
    from training.data.training_data import TrainingData
    from training.export import TrainedBank
    from training.loop import TrainingResult

QUIET = RunSettings("cpu", True)
FAST: dict[str, Any] = {"learning_rate": 0.01, "steps": 60}
METHODS: dict[str, dict[str, Any]] = {
    "rla": {"matrix": FAST},
    "prolip": {"matrix": {"learning_rate": 0.02, "steps": 30}},
    "gda": {"gda": {"a": (0.1, 1.0, 10.0)}},
    "lp++": {"lp_plus": {"iterations": 100}},
    "clap": {"clap": {"iterations": 100}},
}


def train(data: TrainingData, out: Path, method: str = "rla", **more: Any) -> TrainingResult:
    return JOB.run(recipe(**{"method": method, **METHODS[method], **more}), data, out, QUIET)


def gain_on_val(data: TrainingData, out: Path, method: str) -> float:
    """Top-1 of the weights that are kept less zero-shot, on val."""
    result = train(data, out, method)
    best = next(line for line in result.history if line["epoch"] == result.best_epoch)
    return float(best["top1"]) - zero_shot(data, data.rows("val"))


@pytest.mark.parametrize(("method", "gain"), [("rla", 0.15), ("gda", 0.15), ("lp++", 0.1), ("clap", 0.02)])
def test_a_planted_signal_is_found_and_shuffled_labels_teach_nothing(method: str, gain: float, tmp_path: Path) -> None:
    for shuffled in (False, True):
        gains = [
            gain_on_val(planted(seed=seed, shuffled=shuffled), tmp_path / f"{shuffled}{seed}", method)
            for seed in range(3)
        ]
        if shuffled:
            assert np.mean(gains) <= 0.01, gains
        else:
            assert min(gains) > gain, gains


def test_prolip_finds_a_planted_signal_and_shuffled_labels_teach_it_nothing(tmp_path: Path) -> None:
    towers = _small_clip(tmp_path)
    for seed in range(2):
        real, shuffled = (before_projection(planted(seed=seed, shuffled=wrong), towers) for wrong in (False, True))
        assert gain_on_val(real, tmp_path / f"real{seed}", "prolip") > 0.15
        assert gain_on_val(shuffled, tmp_path / f"shuffled{seed}", "prolip") <= 0.01


def _small_clip(folder: Path) -> Encoder:
    tiny.register(folder)
    name = str(two_towers(folder / "towers"))
    return load(resolve(EncoderRequest(name, precision="fp32", device="cpu")), "cpu")


def test_a_matrix_leaves_an_encoder_that_says_where_it_came_from(tmp_path: Path) -> None:
    data = planted()
    result = train(data, tmp_path / "out")
    adapter = read_adapter(tmp_path / "out")
    assert (adapter.parent, adapter.view) == (SPACE.spec, "base")
    assert adapter_spec(tmp_path / "out").model == "open_clip/towers+rla"
    found = zero_shot(data, data.rows("val"), adapter.matrix)
    line = next(line for line in result.history if line["epoch"] == result.best_epoch)
    assert found == pytest.approx(line["top1"])
    record = read_record(tmp_path / "out")
    assert record["parent"]["fingerprint"] == SPACE.fingerprint
    assert (record["job"], record["target"], record["classes"]) == ("adapter", "label", list(NAMES))
    assert record["metrics"]["likelihood"] == result.best_score
    assert read_banks(tmp_path / "out") == ()


def test_without_texts_the_class_means_are_left_for_the_new_space(tmp_path: Path) -> None:
    train(without_texts(planted()), tmp_path / "out")
    (bank,) = read_banks(tmp_path / "out")
    assert (bank.name, bank.kind, bank.owner, bank.temperature) == ("prototypes", "prototypes", "new", 0.01)
    assert bank.edge_class.tolist() == list(NAMES)
    assert np.allclose(np.linalg.norm(bank.vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("method", ["gda", "lp++", "clap"])
@pytest.mark.parametrize("texts", ["texts", "none"])
def test_the_bank_of_a_head_answers_as_the_scorer(method: str, texts: str, tmp_path: Path) -> None:
    data = planted(val=5)
    if texts == "none":
        if method != "gda":
            with pytest.raises(
                InputError, match=rf"no bank with texts of these classes, which {method.replace('+', '.')}"
            ):
                train(without_texts(data), tmp_path / "out", method)
            return
        data = without_texts(data)
    values = {"gda": {"gda": {"a": 0.3}}, "lp++": METHODS["lp++"], "clap": METHODS["clap"]}[method]
    train(data, tmp_path / "out", method, **values, name="mine@1")
    (bank,) = read_banks(tmp_path / "out")
    assert (bank.name, bank.kind, bank.owner, bank.temperature) == ("mine@1", "classifier", "parent", 1.0)
    train_rows, val_rows = data.rows("train"), data.rows("val")
    vectors = data.vectors["base"].vectors
    task = _task(vectors[val_rows], vectors[train_rows], data.target[train_rows])
    scorer = load_scorer(method)
    options = scorer.config_type(**next(iter(values.values())))
    said = (class_bank(data.banks[0], NAMES, "said"),) if data.banks else ()
    arm = arm_of(method, options, *said, logit_scale=SCALE if data.banks else None)
    (want,) = scorer.logits(arm, task, scorer.settings(arm))
    head = arm_of("classifier", load_scorer("classifier").config_type(), _stored(bank))
    (found,) = head.scorer.logits(head, task, head.scorer.settings(head))
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-3)


def _stored(bank: TrainedBank) -> ClassBank:
    made = Bank(bank.name, "s", "o", bank.vectors, bank.edge_vector, bank.edge_class, None, bank.bias,
                bank.temperature, kind=bank.kind)  # fmt: skip
    return class_bank(made, NAMES, bank.name)


def _task(queries: Any, train: Any, labels: Any) -> ScorerTask:
    from eval.seams.scorer import ScorerTask

    return ScorerTask(queries, None, train, labels, CLASSES, lambda kind, vectors, rows=None: ExactIndex(vectors))


def test_settings_are_chosen_on_val_and_nowhere_else(tmp_path: Path) -> None:
    data = planted()
    result = train(data, tmp_path / "out", "gda")
    assert [line["gda.a"] for line in result.history] == [0.1, 1.0, 10.0]
    assert result.best_score == max(line["likelihood"] for line in result.history)
    with pytest.raises(InputError, match=r"`gda\.a` has 3 values, and there are no val samples"):
        train(planted(val=0), tmp_path / "other", "gda")
    alone = train(planted(val=0), tmp_path / "alone", "gda", gda={"a": 0.1})
    assert "likelihood" not in alone.history[0]


def test_numbers_of_iterations_are_settings_that_answer_as_each_alone(tmp_path: Path) -> None:
    data = planted()
    listed = train(data, tmp_path / "listed", "lp++", lp_plus={"iterations": (20, 10)})
    for line in listed.history:
        count = int(line["lp_plus.iterations"])
        (alone,) = train(data, tmp_path / str(count), "lp++", lp_plus={"iterations": count}).history
        assert (line["loss"], line["likelihood"]) == (alone["loss"], alone["likelihood"])
    assert [line["lp_plus.iterations"] for line in listed.history] == [20, 10]


@pytest.mark.parametrize("method", ["rla", "gda"])
def test_stopped_and_resumed_is_the_same_and_so_is_the_same_again(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, more = planted(val=10), {"matrix": {**FAST, "batch": 20}}
    train(data, tmp_path / "whole", method, **more)
    train(data, tmp_path / "twice", method, **more)
    for batches in (1, 2, 31, 45):
        out = tmp_path / f"stopped{batches}"
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            stopped = train(data, out, method, **more)
        assert stopped.interrupted is (batches < {"rla": 60, "gda": 3}[method])
        assert (out / "training.json").exists() is not stopped.interrupted
        train(data, out, method, **more)
        assert _bits(out) == _bits(tmp_path / "whole") == _bits(tmp_path / "twice")


def _bits(out: Path) -> dict[str, bytes]:
    parts = [path for folder in ("encoder", "banks") for path in (out / folder).glob("*")]
    assert parts
    return {path.name: path.read_bytes() for path in [*parts, out / "best.safetensors"]}


def test_another_recipe_needs_another_folder(tmp_path: Path) -> None:
    data = planted(val=2)
    train(data, tmp_path / "out")
    with pytest.raises(InputError, match="holds a run of another recipe"):
        train(data, tmp_path / "out", "gda", gda={"a": 1.0})


def test_what_the_user_should_know_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = recipe(method="gda", gda={"a": 1.0})
    JOB.run(values, planted(shots=1), tmp_path / "out", RunSettings("cpu", False))
    told = capsys.readouterr().err
    assert "Classes are represented by the texts of bank said." in told
    assert "6 of 6 classes with a single train sample ('class 0', 'class 1', 'class 2'" in told
    assert "S is the identity" in told
    with pytest.raises(InputError, match="name a `space`"):
        JOB.run(values, None, tmp_path / "none", QUIET)
    assert not (tmp_path / "out" / "encoder" / PARENT).exists()


@pytest.mark.parametrize("model", ["own", "vitrine-tiny"])  # a projection without and with a bias
def test_prolip_starts_at_the_projection_and_maps_what_stands_before_it(model: str, tmp_path: Path) -> None:
    tiny_one = EncoderRequest("open_clip/vitrine-tiny", precision="fp32", device="cpu")
    encoder: Any = _small_clip(tmp_path) if model == "own" else load(resolve(tiny_one), "cpu")
    side = encoder.spec.preprocess.crop[0]
    pixels = np.random.default_rng(0).integers(0, 256, (12, side, side, 3), np.uint8)
    base, before = encoder.encode_both(pixels)
    data = training_data(base.vectors, np.tile(np.arange(3), 4), np.full(12, "train"), names=NAMES[:3])
    space = replace(SPACE, spec=encoder.spec, fingerprint=encoder.spec.fingerprint)
    data = replace(data, space=space, vectors={"base": base, "preproj": before})
    assert JOB.needs(recipe(method="prolip")).views == ("base", "preproj")
    for rate, out in ((1e-12, "start"), (1e-3, "trained")):
        JOB.run(recipe(method="prolip", matrix={"learning_rate": rate, "steps": 20}), data, tmp_path / out, QUIET)
    start, trained = (read_adapter(tmp_path / out) for out in ("start", "trained"))
    assert start.view == "preproj"
    assert np.allclose(mapped_vectors(before, start.matrix).vectors, base.vectors, atol=1e-4)
    width = before.vectors.shape[1]
    assert not np.allclose(trained.matrix[:, :width], start.matrix[:, :width], atol=1e-4)
    assert np.array_equal(trained.matrix[:, width:], start.matrix[:, width:])
    assert (model == "own") is (trained.matrix.shape[1] == width)
    made = load(resolve(EncoderRequest(str(tmp_path / "trained"), device="cpu")), "cpu")
    found = made.encode_images(pixels[:3]).vectors
    assert np.array_equal(found, mapped_vectors(Embeddings(*(part[:3] for part in before)), trained.matrix).vectors)
    assert made.spec.model.endswith("+prolip")
