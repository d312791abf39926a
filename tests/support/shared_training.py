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
    from collections.abc import Callable

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


def pair_gradients() -> dict[str, Any]:
    """The gradients of two layers whose loss is of all pairs of a batch of nine between them."""
    import torch

    from training.processes import add_gradients, joined_rows, share_of

    torch.manual_seed(1)
    x, mine = torch.randn(9, 4), share_of(np.arange(9))
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    joined = joined_rows(model[0](x[torch.from_numpy(mine)]), mine, 9)
    loss = torch.pdist(model[1](joined)).mean() + torch.pdist(joined).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    add_gradients(model.parameters(), len(mine) / 9)
    return {"joined": joined.detach(), **{name: parameter.grad for name, parameter in model.named_parameters()}}


def train_shared(out: Path) -> None:
    """Train in this process, which may be one of several, and write :func:`pair_gradients`."""
    import torch
    from safetensors.torch import save_file

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
        save_file(pair_gradients(), folder / "gradients.safetensors")


def run_processes(module: str, out: Path, ranks: int) -> subprocess.CompletedProcess[str]:
    """Run a module that calls :func:`divided` with the variables that ``torchrun`` sets for several processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    words = [sys.executable, "-m", module, str(out)]
    return subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def divided(work: Callable[[], None]) -> None:
    """Do the same work in all processes, which are forked from this one, so that modules are imported once."""
    others = []
    for number in range(int(os.environ["WORLD_SIZE"])):
        os.environ["RANK"] = os.environ["LOCAL_RANK"] = str(number)
        pid = os.fork()
        if not pid:
            work()
            return
        others.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in others] == [0] * len(others)


if __name__ == "__main__":
    import torch  # noqa: F401 - before the fork

    divided(lambda: train_shared(Path(sys.argv[1])))
