"""Means of the weights before and after training."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from training.jobs.wise_ft import ALPHAS, choose_mean, mean_weights

BEFORE = {"w": torch.tensor([0.0, 1.0]), "fixed": torch.tensor([0.1]), "n": torch.tensor(3)}
AFTER = {"w": torch.tensor([1.0, 3.0]), "fixed": torch.tensor([0.1]), "n": torch.tensor(5)}


def _metrics(tensors: Mapping[str, torch.Tensor], best: float, flat: float = 0.0) -> dict[str, float]:
    distance = abs(float(tensors["w"][0]) - best)
    return {"top_1": 0.5 if distance < flat else 0.4, "macro_f1": 0.0, "nll": 1 + distance}


def test_the_mean_is_linear_and_leaves_the_rest_alone() -> None:
    for alpha in ALPHAS:
        mean = mean_weights(BEFORE, AFTER, alpha)
        torch.testing.assert_close(mean["w"], torch.tensor([alpha, 1 + 2 * alpha]))
        assert mean["fixed"] is AFTER["fixed"]
        assert int(mean["n"]) == 5
    assert torch.equal(mean_weights(BEFORE, AFTER, 0.0)["w"], BEFORE["w"])
    assert torch.equal(mean_weights(BEFORE, AFTER, 1.0)["w"], AFTER["w"])


def test_equal_scores_are_decided_by_nll_then_by_equal_weights() -> None:
    chosen = choose_mean(BEFORE, AFTER, ALPHAS, lambda tensors: _metrics(tensors, 0.3, 0.25), "top_1")
    assert chosen.alpha == 0.3
    flat = choose_mean(BEFORE, AFTER, ALPHAS, lambda _: {"top_1": 0.5, "macro_f1": 0.1, "nll": 1.0}, "macro_f1")
    assert flat.alpha == 0.5
    assert sorted(flat.metrics) == sorted(ALPHAS)


def test_a_given_alpha_is_taken_and_both_ends_are_measured() -> None:
    chosen = choose_mean(BEFORE, AFTER, (0.7,), lambda tensors: _metrics(tensors, 0.0), "top_1")
    assert (chosen.alpha, sorted(chosen.metrics)) == (0.7, [0.0, 0.7, 1.0])
    blind = choose_mean(BEFORE, AFTER, (0.2,), None, "top_1")
    assert (blind.alpha, blind.metrics) == (0.2, {})
