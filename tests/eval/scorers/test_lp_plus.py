from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.registry import load_scorer
from eval.scorers.lp_plus import SCORER, LpPlusOptions, fit_blended
from retrieval.types import Float32, Int64
from tests.support.class_banks import bank_of, directions
from tests.support.learning_tasks import answers, learning_task


def slow_logits(queries: Float32, train: Float32, labels: Int64, texts: Float32, iterations: int) -> Float32:
    """Gradient descent by automatic differentiation, as the paper's algorithm is written."""
    features, text = torch.tensor(train).double(), torch.tensor(texts).double()
    target, n = torch.tensor(labels), len(train)
    present = sorted(set(labels.tolist()))
    weights = torch.zeros_like(text)
    for c in present:
        weights[c] = features[target == c].mean(dim=0)
    start = 250 * torch.stack([(features[target == c] @ text[c]).mean() for c in present]).mean()
    weights.requires_grad_()
    bias = torch.zeros(len(text), dtype=torch.float64, requires_grad=True)
    blend = (start * torch.ones(len(text), dtype=torch.float64)).requires_grad_()
    step = 4 * n / torch.linalg.eigvalsh(features.T @ features)[-1].item()
    blend_step = n / (4 * (features @ text.T).square().sum(dim=0).max().item())
    optimiser = torch.optim.SGD([weights, bias], step, momentum=0.9)
    for iteration in range(iterations):
        optimiser.zero_grad()
        blend.grad = None
        logits = features @ weights.T + features @ text.T * blend + bias
        torch.nn.functional.cross_entropy(logits, target).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if (iteration + 1) % 10 == 0:
            assert blend.grad is not None
            blend.data -= blend_step * blend.grad
    asked = torch.tensor(queries).double()
    found: Float32 = (asked @ (weights + blend[:, None] * text).T + bias).detach().numpy().astype(np.float32)
    return found


def test_it_is_in_the_table() -> None:
    assert load_scorer("lp++") is SCORER


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 40), st.sampled_from([1, 9, 10, 25]))
def test_the_probe_is_that_of_automatic_differentiation(seed: int, n: int, iterations: int) -> None:
    rng = np.random.default_rng(seed)
    train, texts, queries = directions(rng, n), directions(rng, 4), directions(rng, 7)
    labels = rng.integers(0, 4, n)
    probe = fit_blended(train, labels, texts, [iterations])[iterations]
    slow = slow_logits(queries, train, labels, texts, iterations)
    np.testing.assert_allclose(queries @ probe.weights.T + probe.bias, slow, rtol=1e-4, atol=1e-3)


def test_iterations_are_settings_of_one_run_and_classes_without_prompt_are_left_out() -> None:
    rng = np.random.default_rng(0)
    train, queries = directions(rng, 20), directions(rng, 5)
    task = learning_task(queries, train, np.arange(20) % 4, 4)
    texts = directions(rng, 3)
    bank = bank_of(texts, [(0, 0), (1, 1), (3, 2)])
    found = answers("lp++", task, LpPlusOptions(iterations=(5, 20)), bank)
    assert [setting["iterations"] for setting, _ in found] == [5, 20]
    kept = task.labels != 2
    for setting, logits in found:
        assert np.isneginf(logits[:, 2]).all()
        labels = np.searchsorted([0, 1, 3], task.labels[kept])
        slow = slow_logits(queries, train[kept], labels, texts, int(setting["iterations"] or 0))
        np.testing.assert_allclose(logits[:, [0, 1, 3]], slow, rtol=1e-4, atol=1e-3)


def test_it_learns_what_texts_do_not_say() -> None:
    rng = np.random.default_rng(1)
    centres = directions(rng, 3, 16)
    labels = np.arange(60) % 3
    near = centres[labels] + 0.3 * rng.standard_normal((60, 16))
    train = (near / np.linalg.norm(near, axis=1)[:, None]).astype(np.float32)
    texts = centres[[1, 0, 2]]  # two of them say the wrong class
    probe = fit_blended(train, labels, texts, [300])[300]
    assert ((train @ probe.weights.T + probe.bias).argmax(axis=1) == labels).mean() > 0.95
