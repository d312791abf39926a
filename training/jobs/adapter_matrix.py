"""The matrix of an adapter, trained on stored vectors: RLA and ProLIP (Fahes et al. 2024, arXiv:2410.05270).

With f the unit vector of an image, t_c the vector of class c and s the logit scale, the matrix W minimises

    mean CE(s * cos(W f, t_c)) + lambda |W - W_0|_F^2.

RLA maps vectors of the space and starts at the identity. ProLIP maps those before the encoder's last projection and
starts there; a bias of that projection is the last column of W, and stays as it is. As in the authors' code, lambda is
1 over the samples of a class, and the optimiser is Adam with epsilon 1e-4, whose rate falls to 0 along half a cosine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from training.learner import LOSS
from training.optimisers import Optimisers, ScheduledOptimiser
from training.schedule import Moment, cosine

if TYPE_CHECKING:
    import torch

    from retrieval.types import Float32, Int64
    from training.jobs.adapter_data import AdapterData
    from training.jobs.adapter_recipe import MatrixConfig

SCORE = "likelihood"
"""Geometric mean of the probabilities of the true classes of val samples, by which the best weights are chosen."""

EPSILON = 1e-4
MOST_STEPS = 50
"""Steps of an epoch at most: after each the state is saved, and val samples are answered."""

ROWS = 8192
"""Val samples that are answered at a time."""


def matrix_model(start: Float32) -> torch.nn.Module:
    """A module with the one parameter ``matrix`` (d, e)."""
    import torch

    model = torch.nn.Module()
    model.register_parameter("matrix", torch.nn.Parameter(torch.from_numpy(np.array(start))))
    return model


class MatrixStage:
    """Trains the matrix; see :class:`training.learner.Stage`."""

    patience = 0

    def __init__(
        self, name: str, model: Any, data: AdapterData, config: MatrixConfig, device: str, fixed: int = 0
    ) -> None:
        """Move the data to the device.

        Args:
            name: name of the stage.
            model: a :func:`matrix_model` with the matrix that training starts from, on ``device``.
            data: samples with class vectors.
            config: how the matrix is trained.
            device: torch device.
            fixed: number of the last columns of the matrix that are not trained.
        """
        import torch

        self.name, self._model, self._config, self._fixed = name, model, config, fixed
        # The stage may begin again from a checkpoint, but the penalty is the distance to where training started.
        self._start = model.matrix.detach().clone()
        kept = np.flatnonzero(data.classes.has_vector)
        self._texts = torch.from_numpy(data.classes.vectors[kept]).to(device)
        self._scale = data.classes.scale
        self._train, self._val = (_tensors(data, rows, kept, device) for rows in (data.train, data.val))
        self._penalty = 1 / data.shots if config.penalty == "1/N" else config.penalty
        self.epochs = _epochs(config.steps)
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """Adam with a cosine over all steps."""
        import torch

        adam = torch.optim.Adam([self._model.matrix], lr=self._config.learning_rate, eps=EPSILON)
        self._optimisers = Optimisers({"adam": ScheduledOptimiser(adam, cosine(0, 0))})
        return self._optimisers

    def batches(self, epoch: int) -> list[tuple[int, int]]:
        """Seeds of the batches: the epoch, and the number of the batch in it."""
        return [(epoch, number) for number in range(self._config.steps // self.epochs)]

    def images(self, batch: tuple[int, int]) -> int:  # noqa: ARG002 - all batches are alike
        """See :class:`training.learner.Stage`."""
        return min(self._config.batch, len(self._train[1]))

    def step(self, batch: tuple[int, int], moment: Moment) -> dict[str, float]:
        """Take one step."""
        from torch.nn.functional import cross_entropy

        vectors, labels = self._rows(batch)
        self._optimisers.zero_grad()
        loss = cross_entropy(self._logits(vectors), labels)
        distance = (self._model.matrix - self._start).square().sum()
        whole = loss + self._penalty * distance
        whole.backward()
        if self._fixed:  # Adam does not move what has no gradient
            self._model.matrix.grad[:, -self._fixed :] = 0
        self._optimisers.step(moment)
        parts = {LOSS: whole, "cross_entropy": loss, "distance": distance}
        return {name: float(part.detach()) for name, part in parts.items()}

    def _rows(self, batch: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors and labels of a batch: random train samples, or all where there are no more."""
        import torch

        vectors, labels = self._train
        if len(labels) <= self._config.batch:
            return vectors, labels
        rng = np.random.default_rng((self._config.seed, *batch))
        rows = torch.from_numpy(np.sort(rng.choice(len(labels), self._config.batch, replace=False))).to(vectors.device)
        return vectors[rows], labels[rows]

    def _logits(self, vectors: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import normalize

        return self._scale * normalize(vectors @ self._model.matrix.T, dim=1) @ self._texts.T

    def validate(self) -> dict[str, float]:
        """Share of val samples whose class is found, and the geometric mean of the probabilities of their classes."""
        from torch.nn.functional import cross_entropy

        vectors, labels = self._val
        if not len(labels):
            return {}
        hits, loss = 0, 0.0
        for start in range(0, len(labels), ROWS):
            logits, truth = self._logits(vectors[start : start + ROWS]), labels[start : start + ROWS]
            hits += int((logits.argmax(dim=1) == truth).sum())
            loss += float(cross_entropy(logits, truth, reduction="sum"))
        return {"top1": hits / len(labels), SCORE: math.exp(-loss / len(labels))}


def _epochs(steps: int) -> int:
    """Smallest number of epochs of equally many steps, none of more than ``MOST_STEPS``."""
    return next(count for count in range(math.ceil(steps / MOST_STEPS), steps + 1) if steps % count == 0)


def _tensors(data: AdapterData, rows: Int64, kept: Int64, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors (n, d), and labels (n,) counted over the classes that are kept."""
    import torch

    labels = np.searchsorted(kept, data.labels[rows])
    return torch.from_numpy(np.asarray(data.vectors[rows])).to(device), torch.from_numpy(labels).to(device)
