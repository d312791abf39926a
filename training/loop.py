"""The loop of every job: epochs, optimiser, schedule, checkpoint and resume, early stop, history.

What a batch is and how its gradients are computed is the job's: a :class:`Learner`. All that is random in an epoch
is drawn from (seed, epoch), so a run that was stopped and goes on gives the same weights as one that was not.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from retrieval.errors import InputError
from retrieval.interrupt import deferred_interrupt
from retrieval.progress import progress
from training.checkpoint import BEST, load_state, save_history, save_state, save_weights
from training.schedule import adamw, rate_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch

    from training.config import LoopConfig


class Learner(Protocol):
    """What a job tells the loop. ``score`` names the held-out figure that decides; higher is better."""

    model: torch.nn.Module
    score: str

    def images(self, batch: Any) -> int:
        """Images of a batch, for progress and rate."""
        ...

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch, the same whenever it is asked, and as many in every epoch.

        They say which images; what is large is made in ``backward``.
        """
        ...

    def backward(self, batch: Any) -> float:
        """Add the gradients of a batch's mean loss to the parameters, and return the loss."""
        ...

    def after_step(self) -> None:
        """Bring parameters back into their range."""
        ...

    def validate(self) -> dict[str, float]:
        """Held-out figures, ``score`` among them."""
        ...


class Fitted(NamedTuple):
    """How a run ended. ``interrupted``: it was asked to stop, and the same command goes on."""

    history: list[dict[str, float]]
    best_epoch: int
    best_score: float
    interrupted: bool = False


def fit(learner: Learner, config: LoopConfig, out: Path, *, quiet: bool = False) -> Fitted:
    """Train until the epochs are done or the held-out score has not risen for ``patience`` epochs.

    Args:
        learner: model and data; the model is on its device, with the weights to begin from.
        config: the loop's part of a recipe.
        out: the run's folder; where it holds a state, training goes on from there.
        quiet: show no progress.

    Raises:
        InputError: the loss is no longer a finite number.
        WeightsError: the state in ``out`` is damaged.
    """
    optimiser = adamw(learner.model, config)
    history = _go_on(learner, optimiser, out)
    with deferred_interrupt() as asked:
        for epoch in range(len(history), config.epochs):
            if _ended(history, learner.score, config.patience):
                break
            figures = _epoch(learner, optimiser, config, epoch, asked, quiet=quiet)
            if figures is None:
                return _fitted(history, learner.score, interrupted=True)
            history.append(figures)
            _keep(learner, optimiser, history, out)
    return _fitted(history, learner.score)


def _go_on(learner: Learner, optimiser: torch.optim.Optimizer, out: Path) -> list[dict[str, float]]:
    state = load_state(out)
    if state is None:
        return []
    learner.model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    history: list[dict[str, float]] = state["history"]
    return history


def _epoch(
    learner: Learner,
    optimiser: torch.optim.Optimizer,
    config: LoopConfig,
    epoch: int,
    asked: Callable[[], bool],
    *,
    quiet: bool,
) -> dict[str, float] | None:
    """Train one epoch and validate; None if it was interrupted (then it counts for nothing)."""
    import torch

    torch.manual_seed(config.seed * 100_003 + epoch)
    learner.model.train()
    start, total, batches = time.monotonic(), 0.0, list(learner.batches(epoch))
    steps = len(batches)
    images = sum(learner.images(batch) for batch in batches)
    with progress(f"epoch {epoch + 1} of {config.epochs}, images", images, quiet=quiet) as shown:
        for number, batch in enumerate(batches):
            if asked():
                return None
            for group in optimiser.param_groups:
                group["lr"] = rate_at(epoch * steps + number, config.epochs * steps, config)
            total += _step(learner, optimiser, batch, config.clip_norm)
            shown.advance(learner.images(batch))
    seconds = time.monotonic() - start
    learner.model.eval()
    with torch.inference_mode():
        held_out = learner.validate()
    figures = {"epoch": epoch + 1, "loss": total / steps, **held_out, "images": images, "seconds": round(seconds, 2)}
    if not quiet:
        _say(figures)
    return figures


def _say(figures: dict[str, float]) -> None:
    rate = figures["images"] / max(figures["seconds"], 0.01)
    text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    with contextlib.suppress(BrokenPipeError):
        print(f"{text}  ({rate:.0f} images/s)", flush=True)  # noqa: T201


def _step(learner: Learner, optimiser: torch.optim.Optimizer, batch: Any, clip_norm: float) -> float:
    import math

    import torch

    optimiser.zero_grad(set_to_none=True)
    loss = learner.backward(batch)
    if not math.isfinite(loss):
        raise InputError(f"the loss became {loss}; train with a lower loop.learning_rate, or loop.amp=off.")
    torch.nn.utils.clip_grad_norm_(learner.model.parameters(), clip_norm)
    optimiser.step()
    learner.after_step()
    return loss


def _keep(learner: Learner, optimiser: torch.optim.Optimizer, history: list[dict[str, float]], out: Path) -> None:
    """Best weights first, state last: a run that is killed in between writes the same best weights again."""
    model = learner.model.state_dict()
    if _best(history, learner.score) == len(history) - 1:
        save_weights(out / BEST, model)
    save_state(out, {"model": model, "optimiser": optimiser.state_dict(), "history": history})
    save_history(out, history)


def _best(history: list[dict[str, float]], score: str) -> int:
    """Position of the best epoch, the first of equals."""
    return max(range(len(history)), key=lambda position: (history[position][score], -position))


def _ended(history: list[dict[str, float]], score: str, patience: int) -> bool:
    return bool(history) and patience > 0 and len(history) - 1 - _best(history, score) >= patience


def _fitted(history: list[dict[str, float]], score: str, *, interrupted: bool = False) -> Fitted:
    if not history:
        return Fitted([], 0, float("nan"), interrupted)
    best = _best(history, score)
    return Fitted(history, best + 1, history[best][score], interrupted)
