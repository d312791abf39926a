"""A small training for tests of several processes: ``python -m tests.support.shared_training OUT``.

The network has no batch statistics and draws nothing, so that its steps depend on the global batch only.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from training.optimisers import Optimisers
    from training.schedule import Moment

SAMPLES, BATCH, EPOCHS = 30, 10, 3


class SharedStage:
    """Regression of two linear layers on fixed numbers, in batches that are arrays of rows."""

    name, epochs, patience = "regression", EPOCHS, 0

    def __init__(self, model: Any) -> None:
        import torch

        generator = torch.Generator().manual_seed(1)
        self._x, self._y = (torch.randn(SAMPLES, size, generator=generator) for size in (4, 2))
        self._model = model

    def begin(self) -> Optimisers:
        import torch

        from training.optimisers import Optimisers, ScheduledOptimiser
        from training.schedule import cosine

        adam = torch.optim.AdamW(self._model.parameters(), lr=0.05)
        named = {"adam": ScheduledOptimiser(adam, cosine(0.1, 0.1))}
        self._optimisers = Optimisers(named, 0.5, self._model.parameters())
        return self._optimisers

    def batches(self, epoch: int) -> list[Any]:
        order = np.random.default_rng(epoch).permutation(SAMPLES)
        return [*np.split(order[:20], 2), order[20:27], order[27:]]  # of 10, 10, 7 and 3: shares of unequal sizes

    def images(self, batch: Any) -> int:
        return len(batch)

    def step(self, batch: Any, moment: Moment) -> dict[str, float]:
        self._optimisers.zero_grad()
        loss = (self._model(self._x[batch]) - self._y[batch]).pow(2).mean()
        self._optimisers.backward(loss)
        self._optimisers.step(moment)
        return {"loss": float(loss.detach())}

    def validate(self) -> dict[str, float]:
        return {"score": -float((self._model(self._x) - self._y).pow(2).mean())}


def train_shared(out: Path) -> None:
    """Train in this process, which may be one of several."""
    import torch

    from training.learner import Learner
    from training.loop import fit
    from training.processes import joined_processes, rank
    from training.run_settings import RunSettings

    torch.set_num_threads(1)
    with joined_processes("cpu"):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        folder = out if rank() == 0 else out / "others" / str(rank())
        folder.mkdir(parents=True, exist_ok=True)
        fit(Learner(model, "score", [SharedStage(model)]), folder, seed=0, run=RunSettings(quiet=True))


def processes_env(ranks: int) -> list[dict[str, str]]:
    """The variables that ``torchrun`` sets for each of several processes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]


def run_processes(words: list[str | Path], ranks: int) -> list[subprocess.CompletedProcess[str]]:
    """Run a Python command in several processes at once."""
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen([sys.executable, *map(str, words)], env=env, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
        for env in processes_env(ranks)
    ]
    said = [process.communicate(timeout=120) for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(started, said, strict=True)
    ]


if __name__ == "__main__":
    train_shared(Path(sys.argv[1]))
