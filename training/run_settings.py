"""How a job runs, beside its recipe: settings that do not change what is trained."""

from __future__ import annotations

from typing import NamedTuple


class RunSettings(NamedTuple):
    """Settings of a run.

    Attributes:
        device: where to train: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        quiet: whether to show no progress.
        tensorboard: whether to write losses and metrics for TensorBoard, too.
    """

    device: str = "auto"
    quiet: bool = False
    tensorboard: bool = False
