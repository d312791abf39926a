"""Two real processes, connected by gloo, train as one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retrieval.errors import InputError
from tests.support.shared_training import SharedStage, run_processes, train_shared
from training import learner, processes
from training.learner import shared_batch
from training.processes import share_of


def _history(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


def test_two_processes_train_as_one_with_the_same_batches(tmp_path: Path) -> None:
    train_shared(tmp_path / "one")
    done = run_processes("tests.support.shared_training", tmp_path / "two", 2)
    assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5)
    one, two = (load_file(tmp_path / name / "gradients.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5)
    for line, other in zip(_history(tmp_path / "one"), _history(tmp_path / "two"), strict=True):
        assert other["loss"] == pytest.approx(line["loss"], rel=1e-5)
        assert other["images"] == line["images"]
    assert torch.load(tmp_path / "two" / "state.pt", weights_only=True)["processes"] == 2
    assert not (tmp_path / "two" / "others" / "1" / "state.pt").exists()
    with pytest.raises(InputError, match="was trained by 2 processes; go on with as many"):
        train_shared(tmp_path / "two")


def test_rows_are_divided_without_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ranks", lambda: 3)
    shares = []
    for rank in range(3):
        monkeypatch.setattr(processes, "rank", lambda rank=rank: rank)
        shares.append(share_of(np.arange(8)).tolist())
    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_batches_that_cannot_be_divided_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = SharedStage(None)
    assert shared_batch(stage, [4, 5]) == [4, 5]
    monkeypatch.setattr(learner, "ranks", lambda: 2)
    with pytest.raises(InputError, match="stage regression has a batch of 1 samples for 2 processes"):
        shared_batch(stage, np.array([3]))
    with pytest.raises(InputError, match="trains in one process only; run the command without torchrun"):
        shared_batch(stage, [4, 5])
