"""The loop with a learner of two stages: other parameters, optimisers, losses and batches in each."""

from __future__ import annotations

import csv
import json
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retrieval.errors import InputError, WeightsError
from tests.support.interruptions import stop_after
from training.checkpoint import save_state, save_weights
from training.learner import Learner
from training.loop import TrainingResult, best_line, fit
from training.optimisers import Optimisers, ScheduledOptimiser
from training.run_settings import RunSettings
from training.schedule import Moment, constant, cosine

QUIET = RunSettings(quiet=True)
BATCHES = {"prompts": 3, "images": 4}


class Towers(torch.nn.Module):
    """A prompt, a network with dropout and batch statistics, and centres."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.prompt = torch.nn.Parameter(torch.randn(4))
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5))
        self.centres = torch.nn.Parameter(torch.zeros(4))


class ToyStage:
    """Trains the prompt alone, or network and centres with two optimisers."""

    def __init__(
        self, name: str, model: Towers, epochs: int, patience: int = 0, spoil: int = -1, evaluate_every: int = 0
    ) -> None:
        self.name, self.epochs, self.patience, self.evaluate_every = name, epochs, patience, evaluate_every
        self.model, self.spoil = model, spoil
        self.fails: Callable[[], None] = lambda: None
        self.begun = 0
        self.moments: list[Moment] = []
        self.scores: list[float] = []

    def begin(self) -> Optimisers:
        self.begun += 1
        model, alone = self.model, self.name == "prompts"
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(alone == (name == "prompt"))
        # What a stage computes of the one before, once: it must be the same when the run goes on.
        self.target = model.prompt.detach().clone()
        if alone:
            named = {"adam": ScheduledOptimiser(torch.optim.Adam([model.prompt], lr=0.1), cosine(0.2, 0.1))}
        else:
            groups: list[dict[str, Any]] = [
                {"params": model.net[0].parameters(), "lr": 0.05},
                {"params": model.net[1].parameters()},
            ]
            named = {
                "net": ScheduledOptimiser(torch.optim.AdamW(groups, lr=0.02), cosine(0, 0.1)),
                "centres": ScheduledOptimiser(torch.optim.SGD([model.centres], lr=0.5), constant),
            }
        scaler = torch.amp.GradScaler("cpu", init_scale=256, growth_interval=2)
        self.optimisers = Optimisers(named, 1.0, [p for p in model.parameters() if p.requires_grad], scaler)
        return self.optimisers

    def batches(self, epoch: int) -> list[tuple[int, int]]:
        return [(epoch, number) for number in range(BATCHES[self.name])]

    def images(self, batch: tuple[int, int]) -> int:
        return 6

    def sample_names(self, batch: tuple[int, int]) -> list[str]:
        return [f"{batch[0]}-{batch[1]}-{number}.jpg" for number in range(6)]

    def step(self, batch: tuple[int, int], moment: Moment) -> dict[str, float]:
        self.moments.append(moment)
        if moment.step == 2:
            self.fails()
        # From the generators that the loop seeds and keeps: torch's, NumPy's and Python's.
        x = torch.randn(6, 4) + np.random.normal() + random.gauss(0, 1)
        self.optimisers.zero_grad()
        if self.name == "prompts":
            main, pull = (x @ self.model.prompt).pow(2).mean(), torch.zeros(())
        else:
            y = self.model.net(x)
            main, pull = (y - self.target).pow(2).mean(), (y.detach() - self.model.centres).pow(2).mean()
        loss = main + pull
        self.optimisers.backward(loss)
        self.optimisers.step(moment)
        value = float("nan") if moment.step == self.spoil else float(loss.detach())
        return {"loss": value, "center": float(pull.detach())}

    def validate(self) -> dict[str, float]:
        if self.name == "prompts":
            return {}
        assert not self.model.training
        score = self.scores.pop(0) if self.scores else float(-self.model.net(torch.ones(1, 4)).pow(2).sum())
        return {"score": score}


def _learner(ema: float = 0, **images: Any) -> tuple[Learner, list[ToyStage]]:
    model = Towers()
    stages = [ToyStage("prompts", model, 2), ToyStage("images", model, **{"epochs": 3, **images})]
    return Learner(model, "score", stages, ema), stages


def _fit(out: Path, ema: float = 0, **images: Any) -> tuple[TrainingResult, Learner, list[ToyStage]]:
    out.mkdir(exist_ok=True)
    learner, stages = _learner(ema, **images)
    return fit(learner, out, seed=3, run=QUIET), learner, stages


def _history(out: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in (out / "history.jsonl").read_text().splitlines()]


def test_stages_follow_each_other_and_train_what_they_say(tmp_path: Path) -> None:
    result, learner, stages = _fit(tmp_path / "run")
    fresh = Towers().state_dict()
    trained = learner.model.state_dict()
    assert {name for name in fresh if not torch.equal(fresh[name], trained[name])} >= {
        "prompt", "net.0.weight", "net.1.running_mean", "centres",
    }  # fmt: skip
    assert [line["stage"] for line in result.history] == ["prompts"] * 2 + ["images"] * 3
    assert [line["epoch"] for line in result.history] == [1, 2, 3, 4, 5]
    assert "score" not in result.history[0]
    assert {"loss", "center", "score"} <= result.history[-1].keys()
    assert result.best_epoch > 2
    assert stages[1].moments[0] == Moment(0, 3, 0, 4)
    assert stages[1].moments[-1].step == stages[1].moments[-1].steps - 1 == 11
    assert torch.equal(stages[1].target, learner.model.prompt)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [{}, {"evaluate_every": 3, "ema": 0.9}])
@pytest.mark.parametrize("stops", [(0,), (1,), (3,), (5,), (6,), (7,), (11,), (17,), (2, 1, 4, 6)])
def test_a_run_stopped_anywhere_ends_bit_for_bit_as_one_that_was_not(
    tmp_path: Path, stops: tuple[int, ...], kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, model, _ = _fit(tmp_path / "whole", **kind)
    for batches in stops:
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            result, _, _ = _fit(tmp_path / "parts", **kind)
            assert result.interrupted
            for seed in (torch.manual_seed, np.random.seed, random.seed):
                seed(99)
    result, again, stages = _fit(tmp_path / "parts", **kind)
    for name, tensor in model.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert _history(tmp_path / "whole") == _history(tmp_path / "parts")
    best, parts = (load_file(tmp_path / run / "best.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(best[name], parts[name]) for name in best)
    assert (result.best_epoch, result.best_score) == (whole.best_epoch, whole.best_score)
    if sum(stops) > 6:
        assert stages[0].begun == 0  # it had ended


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    _fit(tmp_path / "run")
    before = (tmp_path / "run" / "state.pt").stat().st_mtime_ns
    result, _, stages = _fit(tmp_path / "run")
    assert len(result.history) == 5
    assert [stage.begun for stage in stages] == [0, 0]
    assert (tmp_path / "run" / "state.pt").stat().st_mtime_ns == before


def test_a_stage_stops_when_its_score_no_longer_rises_and_keeps_its_best(tmp_path: Path) -> None:
    learner, stages = _learner(epochs=9, patience=2)
    stages[1].scores = [0.1, 0.5, 0.4, 0.5, 0.9]
    kept: list[torch.Tensor] = []
    validate = stages[1].validate

    def keep() -> dict[str, float]:
        kept.append(stages[1].model.centres.detach().clone())
        return validate()

    stages[1].validate = keep  # type: ignore[method-assign]
    result = fit(learner, tmp_path, seed=3, run=QUIET)
    assert len(result.history) == 2 + 4
    assert (result.best_epoch, result.best_score) == (4, 0.5)
    assert torch.equal(load_file(tmp_path / "best.safetensors")["centres"], kept[1])


def test_of_equal_scores_the_one_with_the_lower_tie_breaker_is_the_best_and_is_told_as_it_is() -> None:
    lines = [{"score": 0.0, "nll": 2.0}, {"score": 0.0, "nll": 1.0}, {"score": 0.0, "nll": 1.0}, {}]
    assert best_line(lines, "score", "nll") == 1
    assert best_line(lines, "score") == 0
    assert best_line([*lines, {"score": 0.1, "nll": 9.0}], "score", "nll") == 4
    assert best_line([{}, {}], "score", "nll") == 1


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    told = r"the loss became nan in batch 2 of epoch 2, stage images \(samples 3-1-0.jpg, 3-1-1.jpg, 3-1-2.jpg, "
    with pytest.raises(InputError, match=told):
        _fit(tmp_path / "run", spoil=5)
    assert len(_history(tmp_path / "run")) == 3
    assert len(_fit(tmp_path / "run")[0].history) == 5


def test_validations_within_epochs_count_for_patience_and_the_best_weights(tmp_path: Path) -> None:
    learner, stages = _learner(epochs=9, evaluate_every=3, patience=2)
    stages[1].scores = [0.1, 0.5, 0.4, 0.3, 0.9]
    result = fit(learner, tmp_path, seed=3, run=QUIET)
    lines = [line for line in result.history if line["stage"] == "images"]
    # Steps of 3, and the ends of epochs of 4 batches; two without a better score than the second end the stage.
    assert [line["step"] for line in lines] == [3, 4, 6, 8]
    assert [line["epoch"] for line in lines] == [3, 3, 4, 4]
    assert [line["images"] for line in lines] == [18, 6, 12, 12]
    assert (result.best_epoch, result.best_score, result.epochs) == (3, 0.5, 4)
    assert [moment.step for moment in stages[1].moments] == list(range(8))


def test_a_validation_changes_nothing_of_the_training(tmp_path: Path) -> None:
    _, seldom, _ = _fit(tmp_path / "seldom")
    learner, stages = _learner(evaluate_every=1)
    validate = stages[1].validate

    def draw_and_validate() -> dict[str, float]:
        torch.rand(3), np.random.rand(), random.random()
        return validate()

    stages[1].validate = draw_and_validate  # type: ignore[method-assign]
    fit(learner, tmp_path, seed=3, run=QUIET)
    for name, tensor in seldom.model.state_dict().items():
        assert torch.equal(tensor, learner.model.state_dict()[name]), name


def test_averaged_weights_are_validated_and_kept_and_the_last_ones_are_trained_on(tmp_path: Path) -> None:
    _, plain, _ = _fit(tmp_path / "plain")
    result, averaged, _ = _fit(tmp_path / "averaged", ema=0.9)
    for name, tensor in plain.model.state_dict().items():
        assert torch.equal(tensor, averaged.model.state_dict()[name]), name
    best = load_file(tmp_path / "averaged" / "best.safetensors")
    score = result.history[-1]["score"]
    assert score != _history(tmp_path / "plain")[-1]["score"]
    if result.best_epoch == 5:
        assert not torch.equal(best["net.0.weight"], averaged.model.state_dict()["net.0.weight"])


def test_the_history_is_a_table_too(tmp_path: Path) -> None:
    _fit(tmp_path)
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0]["score"] == ""
    assert float(rows[-1]["score"]) == json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])["score"]


def test_what_is_trained_is_said_at_the_start_of_a_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learner, _ = _learner(epochs=1)
    fit(learner, tmp_path, seed=3)
    said = capsys.readouterr().out
    assert "prompts: 4 of 36 parameters are trained\n  adam  4 at rate 0.1, decay 0\n" in said
    assert "images: 32 of 36 parameters are trained" in said
    assert "net      20 at rate 0.05, decay 0.01" in said
    assert "s left)" in said


def _full_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def _full_mps() -> None:
    raise RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB).")


def _full_cpu() -> None:
    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")


def _other() -> None:
    raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize("fails", [_full_cuda, _full_mps, _full_cpu])
def test_full_memory_suggests_a_smaller_batch_and_accumulation(tmp_path: Path, fails: Callable[[], None]) -> None:
    learner, stages = _learner()
    stages[1].fails = fails
    expected = "batch 3 of epoch 1, stage images of 6 samples; train with a smaller batch, such as 3, and accumulate"
    with pytest.raises(InputError, match=expected):
        fit(learner, tmp_path, seed=3, run=QUIET)
    stages[1].fails = _other
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        fit(learner, tmp_path, seed=3, run=QUIET)


@pytest.fixture
def _full_disk() -> Iterator[None]:
    """Files of more than 4,000 bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("_full_disk")
def test_a_full_disk_is_told_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    for write, name in ((save_state, "state.pt"), (_save_best, "best.safetensors")):
        write(tmp_path, {"small": torch.zeros(2)})
        before = (tmp_path / name).read_bytes()
        with pytest.raises(InputError, match=rf"{name} cannot be written; make room on the disk"):
            write(tmp_path, {"large": torch.zeros(4000)})
        assert (tmp_path / name).read_bytes() == before
        assert len(list(tmp_path.glob(".*"))) == 0


def _save_best(out: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_weights(out / "best.safetensors", tensors)


class _Payload:
    """What a pickled file could run when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("payload-ran"),))


def test_a_checkpoint_with_a_pickle_payload_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _fit(tmp_path / "run")
    state = torch.load("run/state.pt", weights_only=True)
    torch.save({**state, "history": _Payload()}, "run/state.pt")
    with pytest.raises(WeightsError, match=r"state\.pt is damaged; delete it to begin again"):
        _fit(tmp_path / "run")
    assert not Path("payload-ran").exists()
    torch.load("run/state.pt", weights_only=False)  # the payload is one
    assert Path("payload-ran").exists()


def test_a_checkpoint_of_another_model_says_so(tmp_path: Path) -> None:
    _fit(tmp_path)
    learner, _ = _learner()
    learner.model.centres = torch.nn.Parameter(torch.zeros(5))
    with pytest.raises(WeightsError, match="is of another model: what it was trained on has changed"):
        fit(learner, tmp_path, seed=3, run=QUIET)


@pytest.mark.parametrize("content", [b"half", None])
def test_a_checkpoint_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        torch.save({"model": {}}, tmp_path / "state.pt")
    else:
        (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="delete it to begin again"):
        _fit(tmp_path)
