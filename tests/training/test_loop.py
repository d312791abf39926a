"""The loop with a learner of two stages: other parameters, optimisers, losses and batches in each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from retrieval.errors import InputError, WeightsError
from tests.support.interruptions import stop_after
from training.learner import Learner
from training.loop import TrainingResult, fit
from training.optimisers import Optimisers, ScheduledOptimiser
from training.schedule import Moment, constant, cosine

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

    def __init__(self, name: str, model: Towers, epochs: int, patience: int = 0, spoil: int = -1) -> None:
        self.name, self.epochs, self.patience = name, epochs, patience
        self.model, self.spoil = model, spoil
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
        self.optimisers = Optimisers(named, 1.0, [p for p in model.parameters() if p.requires_grad])
        return self.optimisers

    def batches(self, epoch: int) -> list[tuple[int, int]]:
        return [(epoch, number) for number in range(BATCHES[self.name])]

    def images(self, batch: tuple[int, int]) -> int:
        return 6

    def step(self, batch: tuple[int, int], moment: Moment) -> dict[str, float]:
        self.moments.append(moment)
        x = torch.randn(6, 4)  # from the generator that the loop seeds and keeps
        self.optimisers.zero_grad()
        if self.name == "prompts":
            main, pull = (x @ self.model.prompt).pow(2).mean(), torch.zeros(())
        else:
            y = self.model.net(x)
            main, pull = (y - self.target).pow(2).mean(), (y.detach() - self.model.centres).pow(2).mean()
        loss = main + pull
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisers.step(moment)
        value = float("nan") if moment.step == self.spoil else float(loss.detach())
        return {"loss": value, "center": float(pull.detach())}

    def validate(self) -> dict[str, float]:
        if self.name == "prompts":
            return {}
        assert not self.model.training
        score = self.scores.pop(0) if self.scores else float(-self.model.net(torch.ones(1, 4)).pow(2).sum())
        return {"score": score}


def _learner(**images: Any) -> tuple[Learner, list[ToyStage]]:
    model = Towers()
    stages = [ToyStage("prompts", model, 2), ToyStage("images", model, **{"epochs": 3, **images})]
    return Learner(model, "score", stages), stages


def _fit(out: Path, **images: Any) -> tuple[TrainingResult, Learner, list[ToyStage]]:
    out.mkdir(exist_ok=True)
    learner, stages = _learner(**images)
    return fit(learner, out, seed=3, quiet=True), learner, stages


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


@pytest.mark.parametrize("stops", [(0,), (1,), (3,), (5,), (6,), (7,), (11,), (17,), (2, 1, 4, 6)])
def test_a_run_stopped_anywhere_ends_bit_for_bit_as_one_that_was_not(
    tmp_path: Path, stops: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, model, _ = _fit(tmp_path / "whole")
    for batches in stops:
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            result, _, _ = _fit(tmp_path / "parts")
            assert result.interrupted
            torch.manual_seed(99)
    result, again, stages = _fit(tmp_path / "parts")
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
    result = fit(learner, tmp_path, seed=3, quiet=True)
    assert len(result.history) == 2 + 4
    assert (result.best_epoch, result.best_score) == (4, 0.5)
    assert torch.equal(load_file(tmp_path / "best.safetensors")["centres"], kept[1])


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the loss became nan in batch 2 of epoch 2, stage images"):
        _fit(tmp_path / "run", spoil=5)
    assert len(_history(tmp_path / "run")) == 3
    assert len(_fit(tmp_path / "run")[0].history) == 5


@pytest.mark.parametrize("content", [b"half", None])
def test_a_checkpoint_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        torch.save({"model": {}}, tmp_path / "state.pt")
    else:
        (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="delete it to begin again"):
        _fit(tmp_path)
