from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from eval.classification import stacker
from eval.classification.stacker import fit_stacker
from eval.metrics.probabilities import nll, softmax
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64


def two_arms(seed: int, n: int, classes: int) -> tuple[list[Float32], Int64]:
    """Two arms with errors of their own, the second too sure of itself."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = []
    for strength, scale in ((1.5, 1.0), (2.0, 3.0)):
        own = rng.standard_normal((n, classes))
        own[np.arange(n), labels] += strength
        logits.append(scale * own)
    return [softmax(each) for each in logits], labels


def slow_objective(
    flat: NDArray[np.float64], probs: Sequence[Float32], labels: Int64, c: float, weights: NDArray[np.float64]
) -> float:
    """The formula at the head of the file, w, d and b apart; every class has a row."""
    arms, classes = len(probs), probs[0].shape[1]
    w, d, b = flat[:arms], flat[arms : arms + arms * classes].reshape(arms, classes), flat[arms + arms * classes :]
    total = 0.0
    for i, (label, weight) in enumerate(zip(labels.tolist(), weights.tolist(), strict=True)):
        z = b.copy()
        for a in range(arms):
            logs = np.log(np.maximum(probs[a][i].astype(float), stacker.FLOOR))
            z += (w[a] + d[a]) * (logs - logs.mean())
        total -= weight * log_softmax(z)[label]
    return float(total + (((w - 1 / arms) ** 2).sum() + (d**2).sum() + (b**2).sum()) / (2 * c))


@pytest.mark.parametrize("c", [0.05, 2.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_the_fit_is_the_minimum_of_what_it_says(c: float, *, balanced: bool) -> None:
    probs, labels = two_arms(0, 40, 3)
    labels[:20] = 0
    counts = np.bincount(labels)
    weights = (40 / 3 / counts)[labels] if balanced else np.ones(40)
    start = np.concatenate([[0.5, 0.5], np.zeros(9)])
    arguments: Any = (probs, labels, c, weights)
    exact = minimize(slow_objective, start, args=arguments, method="BFGS", options={"gtol": 1e-6})
    found = fit_stacker(probs, labels, (c,), 5, "balanced" if balanced else "none", 0)
    w, d, b = exact.x[:2], exact.x[2:8].reshape(2, 3), exact.x[8:]
    np.testing.assert_allclose(found.theta, np.vstack([w[:, None] + d, b]), atol=5e-3)
    z = sum(
        (w[a] + d[a]) * (logs - logs.mean(axis=1, keepdims=True))
        for a in range(2)
        for logs in [np.log(np.maximum(probs[a].astype(float), stacker.FLOOR))]
    )
    np.testing.assert_allclose(found.mix(probs), np.exp(log_softmax(z + b, axis=1)), atol=2e-3)


def test_it_beats_both_arms_and_the_best_weight_on_new_samples() -> None:
    probs, labels = two_arms(1, 6000, 8)
    fitted = fit_stacker([each[:3000] for each in probs], labels[:3000], (0.01, 0.1, 1), 5, "none", 0)
    new, truth = [each[3000:] for each in probs], labels[3000:]
    mixtures = [(1 - alpha) * new[0] + alpha * new[1] for alpha in np.linspace(0, 1, 11)]
    mixed = fitted.mix(new)
    assert (mixed.argmax(axis=1) == truth).mean() >= max((m.argmax(axis=1) == truth).mean() for m in mixtures)
    assert nll(mixed, truth).mean() < min(nll(m, truth).mean() for m in mixtures)
    assert fitted.held_out_nll == pytest.approx(nll(mixed, truth).mean(), abs=0.05)


def test_columns_stand_at_their_classes_whichever_are_seen() -> None:
    """Renaming classes, with gaps between those that val has, renames the answer."""
    probs, labels = two_arms(2, 300, 4)
    places = np.array([6, 0, 3, 1])
    spread = [np.zeros((300, 8), np.float32) for _ in probs]
    for each, own in zip(spread, probs, strict=True):
        each[:, places] = own
    plain = fit_stacker(probs, labels, (0.1,), 5, "none", 0).mix(probs)
    wide = fit_stacker(spread, places[labels], (0.1,), 5, "none", 0)
    found = wide.mix(spread)
    np.testing.assert_allclose(found[:, places] / found[:, places].sum(axis=1, keepdims=True), plain, atol=1e-3)
    assert "never saw 4 of 8 classes" in wide.warnings[0]


def test_classes_that_val_lacks_can_still_be_answered() -> None:
    """The failure of the reports: rows of a few classes, many classes to answer for."""
    probs, labels = two_arms(3, 4000, 20)
    rows = np.flatnonzero(labels[:400] < 15)
    fitted = fit_stacker([each[rows] for each in probs], labels[rows], (0.01, 0.1, 1), 5, "none", 0)
    new, truth = [each[400:] for each in probs], labels[400:]
    unseen = truth >= 15
    arms = [(each.argmax(axis=1) == truth)[unseen].mean() for each in new]
    assert (fitted.mix(new).argmax(axis=1) == truth)[unseen].mean() > max(arms)
    assert "never saw 5 of 20 classes" in fitted.warnings[0]


def test_few_rows_per_class_are_said_and_do_no_harm() -> None:
    probs, labels = two_arms(4, 3000, 30)
    fitted = fit_stacker([each[:60] for each in probs], labels[:60], (0.01, 0.1, 1), 5, "none", 0)
    new, truth = [each[60:] for each in probs], labels[60:]
    assert any("fewer than 5 val samples" in words for words in fitted.warnings)
    assert (fitted.mix(new).argmax(axis=1) == truth).mean() > max((e.argmax(axis=1) == truth).mean() for e in new)
    assert not fit_stacker(probs, labels, (0.1,), 5, "none", 0).warnings


def test_a_class_that_an_arm_cannot_answer_is_left_to_the_other() -> None:
    probs, labels = two_arms(5, 2000, 5)
    probs[1][:, 2] = 0
    probs[1] /= probs[1].sum(axis=1, keepdims=True)
    fitted = fit_stacker([each[:1000] for each in probs], labels[:1000], (0.1, 1), 5, "none", 0)
    new, truth = [each[1000:] for each in probs], labels[1000:]
    of = truth == 2
    assert (fitted.mix(new).argmax(axis=1) == 2)[of].mean() > 0.5 * (new[0].argmax(axis=1) == 2)[of].mean()


def test_balanced_weights_help_the_rare() -> None:
    probs, labels = two_arms(6, 3000, 3)
    kept = np.flatnonzero((labels != 2) | (np.arange(3000) % 20 == 0))
    probs, labels = [each[kept] for each in probs], labels[kept]
    recall = {}
    for how in ("none", "balanced"):
        fitted = fit_stacker(probs, labels, (1.0,), 5, how, 0)
        recall[how] = (fitted.mix(probs).argmax(axis=1) == 2)[labels == 2].mean()
    assert recall["balanced"] > recall["none"]


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_have_their_share_of_every_class(folds: int) -> None:
    labels = np.random.default_rng(0).integers(0, 4, 103)
    dealt = stacker.stratified_folds(labels, folds, 0)
    counts = np.array([np.bincount(dealt[labels == code], minlength=folds) for code in range(4)])
    assert np.ptp(counts, axis=1).max() <= 1
    assert np.ptp(counts.sum(axis=0)) <= 1
    np.testing.assert_array_equal(
        np.sort(stacker.stratified_folds(labels[:3], folds, 0)), [0, 0, 1] if folds == 2 else [0, 1, 2]
    )


def test_the_seed_only_deals_the_folds() -> None:
    probs, labels = two_arms(7, 200, 4)
    one, same, other = (fit_stacker(probs, labels, (0.01, 1), 3, "none", seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.theta, same.theta)
    assert one.held_out_nll != other.held_out_nll


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(2, 6), st.integers(1, 3))
def test_whatever_there_is_gives_probabilities(seed: int, n: int, classes: int, arms: int) -> None:
    rng = np.random.default_rng(seed)
    probs = [softmax(20 * rng.standard_normal((n, classes))) for _ in range(arms)]
    probs[0][:, 0] = 0  # a class that this arm cannot answer
    labels = rng.integers(0, classes, n)
    labels[0], labels[1] = 0, 1
    found = fit_stacker(probs, labels, (0.01, 100.0), 5, "balanced", 0).mix(probs)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_rows_of_one_class_are_refused() -> None:
    probs, _ = two_arms(8, 10, 3)
    with pytest.raises(InputError, match=r"the 10 are of 1; use more val"):
        fit_stacker(probs, np.ones(10, np.int64), (1.0,), 5, "none", 0)
    with pytest.raises(InputError, match=r"the 0 are of 0"):
        fit_stacker([each[:0] for each in probs], np.empty(0, np.int64), (1.0,), 5, "none", 0)


def test_too_many_classes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacker, "MAX_PARAMETERS", 8)
    probs, labels = two_arms(9, 30, 3)
    with pytest.raises(InputError, match=r"2 arms cannot be fitted for 3 classes; pass `method=alpha`"):
        fit_stacker(probs, labels, (1.0,), 5, "none", 0)


@pytest.mark.parametrize("cs", [(0.1,), (0.01, 0.1, 1.0)])
def test_out_of_fold_is_by_the_fit_of_the_other_folds(cs: tuple[float, ...]) -> None:
    """By hand: a stacker of the rows of all other folds answers for each."""
    probs, labels = two_arms(10, 120, 4)
    labels[7] = 3
    found = fit_stacker(probs, labels, cs, 4, "balanced", 0, out_of_fold=True)
    dealt = stacker.stratified_folds(labels, 4, 0)
    slow = np.empty_like(probs[0])
    for fold in range(4):
        train, held = dealt != fold, dealt == fold
        made = fit_stacker([each[train] for each in probs], labels[train], (found.c,), 4, "balanced", 0)
        slow[held] = made.mix([each[held] for each in probs])
    assert found.out_of_fold is not None
    np.testing.assert_allclose(found.out_of_fold, slow, atol=2e-3)
    assert found.held_out_nll == pytest.approx(float(nll(found.out_of_fold, labels).mean()))


def test_one_candidate_is_cross_validated_only_where_it_is_asked() -> None:
    probs, labels = two_arms(11, 30, 3)
    found = fit_stacker(probs, labels, (1.0,), 5, "none", 0)
    assert (found.held_out_nll, found.out_of_fold) == (None, None)


def test_a_class_alone_is_judged_by_a_fit_without_it() -> None:
    probs, labels = two_arms(12, 30, 4)
    labels[labels == 3] = 0
    labels[0] = 3
    found = fit_stacker(probs, labels, (100.0,), 5, "none", 0, out_of_fold=True)
    assert found.out_of_fold is not None
    assert np.isfinite(found.out_of_fold).all()
    np.testing.assert_allclose(found.out_of_fold.sum(axis=1), 1, rtol=1e-5)
