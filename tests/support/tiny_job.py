"""The job ``tiny`` of tests: a linear classifier on stored vectors, with dropout, that may kill its own process.

A test adds it to the table of jobs (:data:`ENTRY`). A file ``signal-at`` beside the run's folder has a step and the
number of a signal, which the process sends itself before this step.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from retrieval.config import Config
from retrieval.errors import InputError
from training.checkpoint import BEST
from training.config import LoopConfig
from training.data.data_config import DataConfig
from training.data.training_data import DataNeeds, TrainingData
from training.export import TrainedBank, TrainingRecord, write_bank, write_record
from training.hardware import Hardware, resolve_hardware
from training.learner import LOSS, Learner
from training.loop import TrainingResult, fit
from training.optimisers import Optimisers, ScheduledOptimiser, decay_groups
from training.schedule import Moment, cosine

if TYPE_CHECKING:
    from training.run_settings import RunSettings

SIGNAL_AT = "signal-at"


class TinyRecipe(Config):
    """Recipe of the job ``tiny``."""

    version: str | None = Field(None, description="Name of the version.")
    remarks: str = Field("", description="Remarks.")
    data: DataConfig = Field(DataConfig(), description="Samples.")
    batch: int = Field(16, ge=1, description="Samples per step.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of inputs that are dropped.")
    loop: LoopConfig = Field(LoopConfig(epochs=4, learning_rate=0.01), description="The loop.")


class TinyStage:
    """Cross-entropy of the classes."""

    name = "classes"

    def __init__(
        self, model: Any, data: TrainingData, recipe: TinyRecipe, hardware: Hardware, signal_at: tuple[int, int]
    ) -> None:
        import torch

        self.epochs, self.patience = recipe.loop.epochs, recipe.loop.patience
        self.evaluate_every = recipe.loop.evaluate_every
        self._model, self._data, self._recipe, self._hardware = model, data, recipe, hardware
        self._x, self._y = torch.from_numpy(data.vectors["base"].vectors), torch.from_numpy(data.target)
        self._signal_at = signal_at

    def begin(self) -> Optimisers:
        import torch

        loop = self._recipe.loop
        adamw = torch.optim.AdamW(decay_groups(self._model, loop.weight_decay), lr=loop.learning_rate)
        scheduled = ScheduledOptimiser(adamw, cosine(loop.warm_up, loop.final))
        scaler = self._hardware.scaler()
        self._optimisers = Optimisers({"adamw": scheduled}, loop.clip_norm, self._model.parameters(), scaler)
        return self._optimisers

    def batches(self, epoch: int) -> list[Any]:
        rows = np.random.default_rng([self._recipe.loop.seed, epoch]).permutation(self._data.rows("train"))
        return [rows[start : start + self._recipe.batch] for start in range(0, len(rows), self._recipe.batch)]

    def images(self, batch: Any) -> int:
        return len(batch)

    def sample_names(self, batch: Any) -> list[str]:
        return [str(uri) for uri in self._data.columns["uri"][batch]]

    def step(self, batch: Any, moment: Moment) -> dict[str, float]:
        from torch.nn.functional import cross_entropy

        if moment.step == self._signal_at[0]:
            os.kill(os.getpid(), self._signal_at[1])
        self._optimisers.zero_grad()
        with self._hardware.autocast():
            logits = self._model(self._x[batch])
        loss = cross_entropy(logits.float() * 10, self._y[batch])
        self._optimisers.backward(loss)
        self._optimisers.step(moment)
        return {LOSS: float(loss.detach())}

    def validate(self) -> dict[str, float]:
        rows = self._data.rows("val")
        if not len(rows):
            return {}
        right = self._model(self._x[rows]).argmax(1) == self._y[rows]
        return {"top_1": float(right.float().mean())}


class TinyJob:
    """See :class:`training.registry.TrainingJob`; leaves the layer as a bank of the parent space."""

    recipe: type[Config] = TinyRecipe

    def needs(self, recipe: TinyRecipe) -> DataNeeds:
        return DataNeeds(images=False, views=("base",))

    def run(self, recipe: TinyRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        import torch
        from safetensors.torch import load_file

        assert data is not None
        if len(data.classes) < 2:
            raise InputError("the job tiny needs two classes.")
        torch.manual_seed(recipe.loop.seed)
        dim, classes = data.vectors["base"].vectors.shape[1], len(data.classes)
        hardware = resolve_hardware(recipe.loop, run.device)
        model = hardware.prepare(
            torch.nn.Sequential(torch.nn.Dropout(recipe.dropout), torch.nn.Linear(dim, classes, bias=False))
        )
        stage = TinyStage(model, data, recipe, hardware, _signal_at(out.parent / SIGNAL_AT))
        result = fit(Learner(model, "top_1", [stage], recipe.loop.ema), out, seed=recipe.loop.seed, run=run)
        if result.history:
            weights = load_file(out / BEST)["1.weight"].numpy()
            vectors = weights / np.linalg.norm(weights, axis=1, keepdims=True)
            edges = np.arange(classes, dtype=np.int64), np.array(data.classes)
            write_bank(out, TrainedBank("tiny-layer", "classifier", "parent", vectors, *edges))
            metrics = {"top_1": result.best_score}
            resolved = recipe.model_dump(mode="json")
            record = TrainingRecord(
                "tiny", resolved, data.space, recipe.data.target or "label", data.classes, result.best_epoch, metrics
            )
            write_record(out, record)
        return result


def _signal_at(file: Path) -> tuple[int, int]:
    """Step and signal; step -1 if there is none."""
    if not file.is_file():
        return -1, 0
    step, number = file.read_text().split()
    return int(step), int(number)


JOB = TinyJob()
ENTRY = f"{__name__}:JOB"
