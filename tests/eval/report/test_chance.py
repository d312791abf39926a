"""What guessing gives, beside simulated guesses."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.probabilities import brier, nll
from eval.report.chance import chance_levels, common_chance_levels, most_frequent_share
from eval.results.schema import ClassMetrics, Part, Universe
from tests.support.drawn_results import fusion, knn, metric, reid, verification


def test_guesses_of_classes_are_as_often_right_as_they_say() -> None:
    rng = np.random.default_rng(0)
    labels, guesses = rng.choice(5, 100_000, p=(0.5, 0.2, 0.1, 0.1, 0.1)), rng.random((100_000, 5))
    ranks = (guesses > guesses[np.arange(len(labels)), labels][:, None]).sum(axis=1) + 1
    universe = Universe(n=5, sha256="0" * 64)
    names = ("top_1", "top_5", "balanced_accuracy", "nll", "brier", "ece", "macro_f1")
    levels = chance_levels(knn(label_universe=universe, metrics={name: metric(0.5) for name in names}))
    assert list(levels) == ["top_1", "top_5", "balanced_accuracy", "nll", "brier"]
    assert levels["top_1"] == pytest.approx((ranks == 1).mean(), abs=0.01)
    assert levels["top_5"] == 1
    recalls = [(ranks[labels == label] == 1).mean() for label in range(5)]
    assert levels["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=0.01)
    uniform = np.full((10, 5), 0.2, np.float32)
    assert levels["nll"] == pytest.approx(nll(uniform, labels[:10]).mean(), abs=1e-6)
    assert levels["brier"] == pytest.approx(brier(uniform, labels[:10]).mean(), abs=1e-6)


def test_random_rankings_of_one_sample_per_identity_are_as_good_as_they_say() -> None:
    made = reid()
    rng = np.random.default_rng(0)
    ranks = np.array([rng.permutation(71)[0] + 1 for _ in range(100_000)])
    levels = chance_levels(made)
    assert levels["rank_1"] == pytest.approx((ranks == 1).mean(), abs=0.005)
    assert levels["rank_5"] == pytest.approx((ranks <= 5).mean(), abs=0.005)
    assert levels["mean_ap"] == pytest.approx((1 / ranks).mean(), abs=0.005)
    assert levels["mean_ap"] == levels["mean_inp"]
    trapezoid = reid(config={**made.config, "ap_method": "trapezoid"})
    assert "mean_ap" not in chance_levels(trapezoid)


def test_of_other_galleries_and_of_parts() -> None:
    assert chance_levels(reid(n={"query": 10, "gallery": 80, "identities": 71})) == {}
    sizes = {"dorsal": 10, "palmar": 20}
    parts = {
        name: Part(metrics={}, draws=(), n={"query": 5, "gallery": size, "identities": size})
        for name, size in sizes.items()
    }
    assert chance_levels(reid(parts=parts))["rank_1"] == pytest.approx((1 / 10 + 1 / 20) / 2)


def test_a_level_that_does_not_hold_for_all_results_is_none_of_them() -> None:
    step, trapezoid = reid(), reid(config={"ap_method": "trapezoid"})
    assert "mean_ap" in common_chance_levels([step, step])
    for results in ([step, trapezoid], [trapezoid, step]):
        assert set(common_chance_levels(results)) == {"rank_1", "rank_5", "mean_inp"}
    larger = reid(n={"query": 10, "gallery": 80, "identities": 80})
    assert common_chance_levels([step, larger]) == {}
    without = reid(metrics={"rank_1": metric(0.5)})
    assert common_chance_levels([without, step]) == chance_levels(step)


def test_random_scores_of_pairs() -> None:
    names = ("auc", "eer", "tpr_at_fpr_0.01", "fnmr_at_fmr_0.1", "threshold_fmr")
    levels = chance_levels(verification(metrics={name: metric(0.5) for name in names}))
    assert levels == {"auc": 0.5, "eer": 0.5, "tpr_at_fpr_0.01": 0.01, "fnmr_at_fmr_0.1": 0.9}


def test_the_most_frequent_class() -> None:
    counts = {name: ClassMetrics(precision=0, recall=0, f1=0, jaccard=0, support=n, predicted=0) for name, n in
              (("a", 3), ("b", 1))}  # fmt: skip
    assert most_frequent_share(fusion(per_class=counts)) == 0.75
    assert most_frequent_share(fusion(per_class=None)) is None
