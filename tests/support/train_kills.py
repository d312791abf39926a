"""Trainings of the job ``tiny`` by the command line, killed at chosen steps, and whether two runs are the same."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from tests.support.tiny_job import SIGNAL_AT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warm_start import Running, WarmStart

MODULES = (
    "torch", "torch._dynamo", "safetensors.torch", "retrieval.store.open", "training.commands", "training.request",
    "training.data.read_training_data", "tests.support.tiny_job_process",
)  # fmt: skip
"""What a training imports, for :func:`tests.support.warm_start.warm_start`."""

RECIPE = ("loop.epochs=4", "loop.evaluate_every=2", "loop.ema=0.8", "loop.amp=fp16", "batch=10", "dropout=0.5")
"""Five steps in each of four epochs, validated after every second; an average and a scaler have states, too."""

STEPS = 20


class RunUnderTest:
    """A run in a folder of its own."""

    def __init__(self, start: WarmStart, store: Path, folder: Path) -> None:
        folder.mkdir()
        self.out = folder / "run"
        self._start, self._store, self._folder = start, store, folder
        self._running: Running | None = None

    def begin(self, *words: str, signal_at: tuple[int, signal.Signals] | None = None) -> Running:
        """Start the command, which sends itself a signal before a step."""
        file = self._folder / SIGNAL_AT
        if signal_at is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(f"{signal_at[0]} {signal_at[1].value}")
        command: list[str | Path] = ["train", "tiny", *RECIPE, "--store", self._store, "--out", self.out, *words]
        self._running = self._start(*command, output=self._folder / "said.txt")
        return self._running

    def train(self, *words: str, signal_at: tuple[int, signal.Signals] | None = None) -> int:
        """Run the command; return its exit status, -9 if it was killed."""
        return self.begin(*words, signal_at=signal_at).wait(120)

    def kill(self) -> int:
        """Kill the command that runs; return its exit status, 0 if it had ended."""
        assert self._running is not None
        if self._running.poll() is None:
            self._running.send_signal(signal.SIGKILL)
        return self._running.wait(60)

    def said(self) -> str:
        """What the last command has printed."""
        return "" if self._running is None else self._running.said()


def same_runs(first: Path, second: Path) -> list[str]:
    """Names of what differs between two runs: weights, last state, history, bank."""
    import torch

    differences = [
        name
        for name in ("best.safetensors", "banks/tiny-layer.safetensors")
        if (first / name).read_bytes() != (second / name).read_bytes()
    ]
    states = [torch.load(out / "state.pt", weights_only=True) for out in (first, second)]
    for name in ("model", "optimisers", "average"):
        differences += [f"{name}.{key}" for key in _different(states[0][name], states[1][name])]
    if _history(first) != _history(second):
        differences.append("history")
    return differences


def _different(first: Any, second: Any) -> list[str]:
    import torch

    if isinstance(first, dict):
        pairs = {key: (first[key], second.get(key)) for key in first}
        return [f"{key}.{inner}" for key, pair in pairs.items() for inner in _different(*pair)]
    if isinstance(first, list):
        return [inner for pair in zip(first, second, strict=True) for inner in _different(*pair)]
    same = torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    return [] if same else [""]


def _history(out: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in (out / "history.jsonl").read_text().splitlines()]
