from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.registry import load_scorer
from eval.scorers.clap import SCORER, ClapOptions, fit_from_texts
from retrieval.types import Float32, Int64
from tests.support.class_banks import bank_of, directions
from tests.support.learning_tasks import answers, learning_task


def slow_weights(
    train: Float32, labels: Int64, texts: Float32, scale: float, iterations: int, length: float
) -> Float32:
    """The objective of the paper in the lengths of the authors, by automatic differentiation."""
    features, target = torch.tensor(train).double(), torch.tensor(labels)
    text = length * torch.tensor(texts).double()
    zero_shot = torch.softmax(scale * features @ torch.tensor(texts).double().T, dim=1)
    present = set(labels.tolist())
    pull = torch.tensor([zero_shot[target == c, c].mean() if c in present else 0 for c in range(len(texts))])
    weights = text.clone().requires_grad_()
    optimiser = torch.optim.SGD([weights], 0.1, momentum=0.9)
    for iteration in range(iterations):
        rate = 0.1 * (1 + math.cos(math.pi * iteration / iterations)) / 2 if iteration else 1e-5
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        logits = scale * features @ (weights / weights.norm(dim=1, keepdim=True)).T
        penalty = (pull * (weights - text).square().sum(dim=1)).mean()
        (torch.nn.functional.cross_entropy(logits, target) + penalty).backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        weights.grad[[c not in present for c in range(len(texts))]] = 0
        optimiser.step()
    found: Float32 = torch.nn.functional.normalize(weights.detach(), dim=1).numpy().astype(np.float32)
    return found


def test_it_is_in_the_table() -> None:
    assert load_scorer("clap") is SCORER


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([1, 2, 30]), st.sampled_from([1.0, 10.0]))
def test_the_probe_is_that_of_automatic_differentiation(seed: int, n: int, iterations: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    train, texts, labels = directions(rng, n), directions(rng, 4), rng.integers(0, 4, n)
    weights = fit_from_texts(train, labels, texts, 20, iterations, length)
    np.testing.assert_allclose(weights, slow_weights(train, labels, texts, 20, iterations, length), atol=1e-4)


def test_classes_without_train_samples_keep_their_texts() -> None:
    rng = np.random.default_rng(0)
    texts = directions(rng, 3)
    weights = fit_from_texts(directions(rng, 8), np.arange(8) % 2, texts, 50)
    np.testing.assert_allclose(weights[2], texts[2], atol=1e-6)
    assert (weights[:2] * texts[:2]).sum(axis=1).max() < 0.9999


def test_classes_without_a_prompt_cannot_be_answered_and_the_scale_is_the_encoders() -> None:
    rng = np.random.default_rng(0)
    train, queries, texts = directions(rng, 20), directions(rng, 5), directions(rng, 3)
    task = learning_task(queries, train, np.arange(20) % 4, 4)
    ((_, logits),) = answers("clap", task, ClapOptions(), bank_of(texts, [(0, 0), (1, 1), (3, 2)]), logit_scale=40)
    assert np.isneginf(logits[:, 2]).all()
    kept = task.labels != 2
    weights = fit_from_texts(train[kept], np.searchsorted([0, 1, 3], task.labels[kept]), texts, 40)
    np.testing.assert_allclose(logits[:, [0, 1, 3]], 40 * queries @ weights.T, rtol=1e-4, atol=1e-4)


def test_texts_that_are_right_are_kept_closer_than_wrong_ones() -> None:
    rng = np.random.default_rng(2)
    centres = directions(rng, 3, 16)
    labels = np.arange(60) % 3
    near = centres[labels] + 0.2 * rng.standard_normal((60, 16))
    train = (near / np.linalg.norm(near, axis=1)[:, None]).astype(np.float32)
    texts = centres[[1, 0, 2]]
    moved = 1 - (fit_from_texts(train, labels, texts, 30) * texts).sum(axis=1)
    assert moved[2] < moved[:2].min()
