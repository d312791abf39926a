"""How a job runs, beside its recipe: settings that do not change what is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


def _ignored() -> None:
    """Nobody is told."""


class RunSettings(NamedTuple):
    """Settings of a run.

    Attributes:
        device: where to train: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        quiet: whether to show no progress.
        tensorboard: whether to write losses and metrics for TensorBoard, too.
        on_batch: is called before every batch is trained on.
    """

    device: str = "auto"
    quiet: bool = False
    tensorboard: bool = False
    on_batch: Callable[[], None] = _ignored
