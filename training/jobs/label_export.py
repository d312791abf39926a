"""What jobs that learn labels leave behind: the record of a run, and the bank of a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.checkpoint import BEST
from training.export import Owner, TrainedBank, TrainingRecord
from training.jobs.label_metrics import METRICS, SCORE, TIE
from training.loop import best_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from retrieval.config import Config
    from training.data.data_config import DataConfig
    from training.data.training_data import TrainingData
    from training.loop import TrainingResult


def load_best(out: Path) -> dict[str, torch.Tensor]:
    """Read the weights of the best epoch of a run."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = load_file(out / BEST)
    return tensors


def record_of(
    job: str,
    recipe: Config,
    config: DataConfig,
    data: TrainingData,
    result: TrainingResult,
    metrics: Mapping[str, float] | None = None,
    details: Mapping[str, Any] | None = None,
) -> TrainingRecord:
    """Make the record of a run; ``metrics`` are held-out metrics beside those of the best epoch."""
    lines = [line for line in result.history if line["epoch"] == result.best_epoch]
    best = lines[best_line(lines, SCORE, TIE)] if lines else {}
    held_out = {name: float(best[name]) for name in METRICS if name in best}
    return TrainingRecord(
        job=job,
        recipe=recipe.model_dump(mode="json"),
        parent=data.space,
        target=config.target or "label",
        classes=data.classes,
        best_epoch=result.best_epoch,
        metrics={**held_out, **(metrics or {})},
        details=details or {},
    )


def layer_bank(name: str, owner: Owner, classes: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> TrainedBank:
    """Make the bank of a linear layer ``head``, one row a class, in the order of ``classes``."""
    return TrainedBank(
        name=name,
        kind="classifier",
        owner=owner,
        vectors=tensors["head.weight"].numpy(),
        edge_vector=np.arange(len(classes), dtype=np.int64),
        edge_class=np.array(classes, np.str_),
        bias=tensors["head.bias"].numpy(),
    )
