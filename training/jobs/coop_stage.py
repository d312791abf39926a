"""The stage of the job ``coop``: cross-entropy of image vectors and prompts at the encoder's logit scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from training.learner import LOSS
from training.optimisers import Optimisers, ScheduledOptimiser
from training.sampling import PIXELS, epoch_generator, shuffled_batches

if TYPE_CHECKING:
    import torch

    from retrieval.types import Float32, Int64
    from training.data.training_data import TrainingData
    from training.jobs.coop_classes import PromptedClasses
    from training.jobs.coop_recipe import CoopRecipe, PromptLoop
    from training.models.context_prompts import ContextPrompts
    from training.models.text_tower import TextTower
    from training.schedule import Moment, Schedule


SCORE, TIE = "score", "nll"
"""Names in the history: of the score, and of the metric whose lower value decides between equal scores."""

METRICS = (LOSS, "top_1", "nll")
"""Names of the history that describe the chosen epoch."""


class VectorBatch(NamedTuple):
    """A batch: rows of samples, and the view of each as an index."""

    rows: Int64
    view: Int64


@dataclass(frozen=True, slots=True)
class PromptSamples:
    """Samples with the stored vectors of their images.

    Attributes:
        data: the samples; those of classes that are not trained on have no role.
        code: (n,) class of every sample among the prompted classes.
        vectors: (views, n, d) unit vectors.
    """

    data: TrainingData
    code: Int64
    vectors: Float32


class PromptStage:
    """Trains the learned vectors; the text tower is frozen, and images are stored vectors."""

    name = "prompts"

    def __init__(
        self,
        model: torch.nn.ParameterDict,
        tower: TextTower,
        prompts: ContextPrompts,
        classes: PromptedClasses,
        samples: PromptSamples,
        recipe: CoopRecipe,
    ) -> None:
        """``model`` has the parameter ``context``: (M, width) shared by all classes, or (classes, M, width).

        ``scale`` is the logit scale of the encoder.
        """
        import torch

        self.epochs, self.patience = recipe.loop.epochs, recipe.loop.patience
        self._model, self._tower, self._prompts, self._classes = model, tower, prompts, classes
        self._samples, self._recipe = samples, recipe
        self._device = tower.scale.device
        self.scale = float(tower.scale.detach().exp())
        self._owner = torch.from_numpy(classes.owner).to(self._device)
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """SGD of the learned vectors."""
        import torch

        loop = self._recipe.loop
        sgd = torch.optim.SGD(
            self._model.parameters(),
            lr=loop.learning_rate,
            momentum=loop.momentum,
            weight_decay=loop.weight_decay,
        )
        self._optimisers = Optimisers({"sgd": ScheduledOptimiser(sgd, low_then_cosine(loop))})
        return self._optimisers

    def batches(self, epoch: int) -> list[VectorBatch]:
        """All training samples in random order, each in a random view; the last batch may be smaller."""
        seed, size = self._recipe.loop.seed, self._recipe.loop.batch
        rows = self._samples.data.epoch_rows(seed, epoch)
        view = epoch_generator(seed, epoch, PIXELS).integers(len(self._samples.vectors), size=len(self._samples.data))
        batches = shuffled_batches(rows, size, seed, epoch, keep_rest=True)
        return [VectorBatch(batch, view[batch]) for batch in batches]

    def images(self, batch: VectorBatch) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch.rows)

    def step(self, batch: VectorBatch, moment: Moment) -> dict[str, float]:
        """Take one step."""
        import torch
        from torch.nn.functional import cross_entropy

        images = torch.from_numpy(self._samples.vectors[batch.view, batch.rows]).to(self._device)
        target = torch.from_numpy(self._samples.code[batch.rows]).to(self._device)
        parts = self._parts(self._classes.trained_texts)
        self._optimisers.zero_grad()
        if len(parts) == 1:
            texts = self._encode(parts[0])
            loss = cross_entropy(self._logits(images, texts), target)
            loss.backward()  # type: ignore[no-untyped-call]
        else:  # activations of one part at a time: first the vectors, then their gradients part by part
            with torch.no_grad():
                texts = torch.cat([self._encode(part) for part in parts])
            texts.requires_grad_()
            loss = cross_entropy(self._logits(images, texts), target)
            loss.backward()  # type: ignore[no-untyped-call]
            assert texts.grad is not None  # noqa: S101 - backward has just filled it
            for part in parts:
                self._encode(part).backward(texts.grad[part])  # type: ignore[no-untyped-call]
        self._optimisers.step(moment)
        return {LOSS: float(loss.detach())}

    def validate(self) -> dict[str, float]:
        """Metrics of the held-out samples, and the score by which the epoch is chosen; empty without any."""
        import torch
        from torch.nn.functional import cross_entropy

        rows = self._samples.data.rows("val")
        if not len(rows):
            return {}
        texts = torch.cat([self._encode(part) for part in self._parts(self._classes.trained_texts)])
        logits = self._logits(torch.from_numpy(self._samples.vectors[0, rows]).to(self._device), texts)
        target = torch.from_numpy(self._samples.code[rows]).to(self._device)
        top_1, nll = float((logits.argmax(1) == target).float().mean()), float(cross_entropy(logits, target))
        score = top_1 if self._recipe.selection == "top_1" else math.exp(-nll)
        return {SCORE: score, "top_1": top_1, "nll": nll}

    def text_vectors(self) -> Float32:
        """Encode the prompts of all classes: (m, d), of length 1."""
        import torch

        with torch.inference_mode():
            parts = [self._encode(part) for part in self._parts(len(self._classes.texts))]
            vectors: Float32 = torch.cat(parts).cpu().numpy()
        return vectors

    def _parts(self, n: int) -> list[slice]:
        size = self._recipe.loop.text_batch
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def _encode(self, part: slice) -> torch.Tensor:
        context = self._model["context"]
        owner = self._owner[part]
        given = context[owner] if context.ndim == 3 else context.expand(len(owner), *context.shape)
        return self._prompts.encode(self._tower, given, part)

    def _logits(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Cosines with the mean text vector of every class times the logit scale, as the mode zeroshot's: (n, C)."""
        from torch.nn.functional import normalize, one_hot

        owner = self._owner[: len(texts)]
        means = normalize(one_hot(owner, self._classes.trained).to(texts.dtype).T @ texts, dim=-1)
        return self.scale * images @ means.T


def low_then_cosine(loop: PromptLoop) -> Schedule:
    """A constant low rate for some epochs, then a cosine over all epochs to 0; the rate changes between epochs."""

    def rate_at(rate: float, moment: Moment) -> float:
        if moment.epoch < loop.warm_up_epochs:
            return loop.warm_up_rate
        return rate * (1 + math.cos(math.pi * moment.epoch / moment.epochs)) / 2

    return rate_at
