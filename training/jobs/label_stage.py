"""The stage of jobs that learn labels: cross-entropy of class logits on augmented images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.jobs.label_batches import LabelBatch, LabelInputs, label_batches, mixed
from training.jobs.label_data import class_counts, require_classes
from training.jobs.label_metrics import SCORE, label_metrics
from training.jobs.label_recipe import LabelLoop, LabelLoss, Mixing, Sampling, Selection
from training.learner import LOSS
from training.losses.classification import classification_loss
from training.optimisers import Optimisers, ScheduledOptimiser, decay_groups
from training.processes import share_of

if TYPE_CHECKING:
    import torch

    from retrieval.types import Float32, Int64
    from training.data.training_data import TrainingData
    from training.hardware import Hardware
    from training.schedule import Moment

EVAL_BATCH = 64
TINY = 1e-12
NO_MIXING = Mixing()


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """How a stage trains: the groups of a recipe that it reads.

    Attributes:
        loop: epochs, optimiser and schedule.
        loss: the loss.
        batch: samples per step.
        selection: the metric by which weights are chosen.
        batches: how batches are drawn.
        mixing: how images are mixed.
    """

    loop: LabelLoop
    loss: LabelLoss
    batch: int
    selection: Selection
    batches: Sampling
    mixing: Mixing = NO_MIXING


class LabelStage:
    """Trains the parameters of a network that need gradients; its output is class logits (n, C)."""

    name = "labels"

    def __init__(
        self, network: torch.nn.Module, data: TrainingData, inputs: LabelInputs, plan: LabelPlan, hardware: Hardware
    ) -> None:
        """Make the stage.

        Args:
            network: on the device.
            data: samples and their classes.
            inputs: what the network gets of the samples.
            plan: how it trains.
            hardware: the device and how it is used.

        Raises:
            InputError: there are not two classes, or the class weights do not fit them.
        """
        import torch

        require_classes(data)
        loop = plan.loop
        self.epochs, self.patience, self.evaluate_every = loop.epochs, loop.patience, loop.evaluate_every
        self._network, self._data, self._inputs, self._plan, self._hardware = network, data, inputs, plan, hardware
        self._val_rows = data.rows("val")
        weights = plan.loss.class_weights(data.classes, class_counts(data))
        self._weights = None if weights is None else torch.from_numpy(weights).to(hardware.device)
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """One optimiser; vectors such as biases and gains do not decay."""
        loop = self._plan.loop
        trained = [parameter for parameter in self._network.parameters() if parameter.requires_grad]
        optimiser = loop.optimiser_of(decay_groups(self._network, loop.weight_decay))
        named: dict[str, ScheduledOptimiser] = {loop.optimiser: ScheduledOptimiser(optimiser, loop.rates())}
        self._optimisers = Optimisers(named, loop.clip_norm, trained, self._hardware.scaler())
        return self._optimisers

    def batches(self, epoch: int) -> list[LabelBatch]:
        """The batches of an epoch."""
        plan = self._plan
        batches = label_batches(self._data, plan.batches, plan.batch, plan.loop.seed, epoch)
        self._inputs.begin(epoch, batches)
        return batches

    def share(self, batch: LabelBatch) -> LabelBatch:
        """See :class:`training.learner.DividesBatches`."""
        return batch._replace(rows=share_of(batch.rows))

    def sample_names(self, batch: LabelBatch) -> list[str]:
        """Ids of the samples of a batch."""
        return [str(name) for name in self._data.ids[batch.rows]]

    def images(self, batch: LabelBatch) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch.rows)

    def step(self, batch: LabelBatch, moment: Moment) -> dict[str, float]:
        """Take one step; the gradients of the pieces of a batch add up to those of the batch."""
        inputs, target = self._drawn(batch)
        self._optimisers.zero_grad()
        loss, total = 0.0, self._weight(target)
        for part in _pieces(len(inputs), self._plan.loop.pieces):
            value = self._weight(target[part]) / total * self._loss(inputs[part], target[part])
            self._optimisers.backward(value)
            loss += float(value.detach())
        self._optimisers.step(moment)
        return {LOSS: loss}

    def _drawn(self, batch: LabelBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets of a batch on the device, mixed if the plan says so."""
        import torch

        plan, data = self._plan, self._data
        inputs, target = self._inputs.train(batch), torch.from_numpy(data.target[batch.rows])
        if plan.mixing.any:
            seed = plan.loop.seed * 7_919 + batch.number
            inputs, target = mixed(inputs, target, len(data.classes), plan.mixing, seed)
        return self._moved(inputs), target.to(self._hardware.device)

    def _moved(self, inputs: torch.Tensor) -> torch.Tensor:
        """Move inputs to the device; images in the layout of the network."""
        return self._hardware.images(inputs) if inputs.ndim == 4 else inputs.to(self._hardware.device)

    def _loss(self, inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss = self._plan.loss
        return classification_loss(
            self._logits(inputs), target, smoothing=loss.smoothing, weights=self._weights, gamma=loss.gamma
        )

    def _weight(self, target: torch.Tensor) -> float:
        """Sum of the class weights of the targets, by which their loss is divided."""
        if self._weights is None:
            return float(len(target))
        weights = self._weights[target] if target.ndim == 1 else target @ self._weights
        return max(float(weights.sum()), TINY)

    def validate(self) -> dict[str, float]:
        """Metrics of the held-out samples, and the score by which weights are chosen; empty without such samples."""
        if not len(self._val_rows):
            return {}
        metrics = label_metrics(self.held_out_logits(), self.held_out_target)
        return {SCORE: metrics[self._plan.selection], **metrics}

    @property
    def held_out_target(self) -> Int64:
        """(n,) classes of the held-out samples."""
        return self._data.target[self._val_rows]

    def held_out_logits(self) -> Float32:
        """Compute the class logits of the held-out samples (n, C)."""
        import torch

        rows = self._val_rows
        parts = [
            self._logits(self._moved(self._inputs.val(rows[start : start + EVAL_BATCH])))
            for start in range(0, len(rows), EVAL_BATCH)
        ]
        logits: Float32 = torch.cat(parts).cpu().numpy()
        return logits

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Class logits in float32, computed in half precision if ``amp`` says so."""
        with self._hardware.autocast():
            logits: torch.Tensor = self._network(inputs)
        return logits.float()


def _pieces(n: int, pieces: int) -> list[slice]:
    size = -(-n // pieces)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
