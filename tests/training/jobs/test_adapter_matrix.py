"""The matrix of an adapter: its steps are those of a slow reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.support.adapter_tasks import DIMENSION, planted, recipe
from training.jobs.adapter_data import adapter_data
from training.jobs.adapter_matrix import EPSILON, MatrixStage, matrix_model
from training.schedule import Moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

EYE = np.eye(DIMENSION, dtype=np.float32)


def stage_of(data: Any, **matrix: Any) -> tuple[torch.nn.Module, MatrixStage]:
    made = recipe(matrix=matrix)
    model = matrix_model(EYE)
    return model, MatrixStage("rla", model, adapter_data(data, made, "base"), made.matrix, "cpu")


def slow_gradient(
    matrix: Doubles, vectors: Doubles, labels: Any, texts: Doubles, scale: float
) -> tuple[float, Doubles]:
    """Cross-entropy and its gradient, a sample at a time."""
    loss, gradient = 0.0, np.zeros_like(matrix)
    for vector, label in zip(vectors, labels, strict=True):
        mapped = matrix @ vector
        length = np.linalg.norm(mapped)
        unit = mapped / length
        logits = scale * texts @ unit
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        loss -= np.log(chances[label])
        chances[label] -= 1
        slope = scale * chances @ texts
        gradient += np.outer((slope - (slope @ unit) * unit) / length, vector)
    return loss / len(labels), gradient / len(labels)


@pytest.mark.parametrize("penalty", ["1/N", 0.3])
def test_steps_are_those_of_adam_on_the_formula(penalty: Any) -> None:
    steps, rate = 12, 0.02
    data = planted(shots=4, val=3)
    model, stage = stage_of(data, learning_rate=rate, steps=steps, penalty=penalty)
    weight = 1 / 4 if penalty == "1/N" else penalty
    rows = data.rows("train")
    vectors, texts = data.vectors["base"].vectors[rows].astype(float), data.banks[0].vectors.astype(float)
    matrix, first, second = EYE.astype(float), np.zeros((2, 1)), np.zeros((2, 1))
    stage.begin()
    for step in range(steps):
        loss, gradient = slow_gradient(matrix, vectors, data.target[rows], texts, 20.0)
        distance = np.square(matrix - EYE).sum()
        gradient += 2 * weight * (matrix - EYE)
        first, second = (
            (0.9 * first if step else 0) + 0.1 * gradient,
            (0.999 * second if step else 0) + 0.001 * gradient**2,
        )
        bias = 1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)
        falling = rate * (1 + np.cos(np.pi * step / steps)) / 2
        matrix = matrix - falling * (first / bias[0]) / (np.sqrt(second / bias[1]) + EPSILON)
        found = stage.step((0, step), Moment(0, 1, step, steps))
        assert found["cross_entropy"] == pytest.approx(loss, abs=1e-4)
        assert found["distance"] == pytest.approx(distance, abs=1e-4)
        assert found["loss"] == pytest.approx(loss + weight * distance, abs=1e-4)
    np.testing.assert_allclose(model.get_parameter("matrix").detach().numpy(), matrix, atol=2e-4)


def test_epochs_have_equally_many_steps_and_batches_are_drawn_by_their_number() -> None:
    for steps, epochs in {1: 1, 50: 1, 51: 3, 300: 6, 101: 101}.items():
        _, stage = stage_of(planted(val=1), steps=steps)
        assert stage.epochs == epochs
        assert stage.epochs * len(stage.batches(0)) == steps
    _, stage = stage_of(planted(shots=8, val=1), steps=4, batch=10)
    assert [stage.images(batch) for batch in stage.batches(0)] == [10] * 4
    one, other = (stage._rows(batch)[0] for batch in [(0, 0), (0, 1)])
    assert one.shape == other.shape == (10, DIMENSION)
    assert not torch.equal(one, other)
    assert torch.equal(one, stage._rows((0, 0))[0])


def test_val_is_answered_as_it_is_scored() -> None:
    data = planted()
    _, stage = stage_of(data, steps=1)
    rows = data.rows("val")
    loss, _ = slow_gradient(EYE.astype(float), data.vectors["base"].vectors[rows].astype(float), data.target[rows],
                            data.banks[0].vectors.astype(float), 20.0)  # fmt: skip
    with torch.inference_mode():
        assert stage.validate()["likelihood"] == pytest.approx(np.exp(-loss), rel=1e-5)
    _, stage = stage_of(planted(val=0), steps=1)
    assert stage.validate() == {}
