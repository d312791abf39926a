from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.registry import load_scorer
from eval.scorers import tip
from eval.scorers.prompts import PromptOptions
from eval.scorers.tip import SCORER, TipOptions, affinity, cache_logits
from retrieval.errors import InputError
from tests.support.class_banks import arm_of, bank_of, directions, ragged
from tests.support.learning_tasks import answers, learning_task, some_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.scorer import ScorerTask

PLAIN = TipOptions()


def slow_cache(task: ScorerTask, beta: float) -> NDArray[np.float64]:
    cache = np.zeros((len(task.queries), task.classes))
    for i, query in enumerate(task.queries.astype(float)):
        for sample, label in zip(task.train.astype(float), task.labels, strict=True):
            cache[i, label] += np.exp(-beta * (1 - query @ sample))
    return cache


def test_it_is_in_the_table() -> None:
    assert load_scorer("tip") is SCORER
    assert (SCORER.learns, SCORER.needs_bank) == (True, False)


def test_golden_affinity() -> None:
    found = affinity(np.array([0.9, 0.5, 0.1], np.float32), 5.5)
    np.testing.assert_allclose(found, [0.57695, 0.063928, 0.007083], atol=5e-7)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 6), st.integers(1, 9))
def test_the_cache_is_that_of_a_slow_loop(seed: int, train: int, classes: int, rows: int) -> None:
    task = some_task(seed, classes, train)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tip, "BLOCK_ROWS", rows)
        found = cache_logits(task.queries, task.train, task.labels, classes, [5.5, 0.5])
    assert found.shape == (2, 12, classes)
    for cache, beta in zip(found, (5.5, 0.5), strict=True):
        np.testing.assert_allclose(cache, slow_cache(task, beta), rtol=1e-5, atol=1e-6)


def test_settings_are_banks_by_alphas_by_betas() -> None:
    rng = np.random.default_rng(0)
    options = TipOptions.read({"alpha": "0.5,1", "beta": "1,5.5"}, "-o")
    banks = (bank_of(directions(rng, 1), [(0, 0)], "a"), bank_of(directions(rng, 1), [(0, 0)], "b"))
    found = SCORER.settings(arm_of("tip", options, *banks))
    assert [(s["bank"], s["alpha"], s["beta"]) for s in found] == [
        (bank, alpha, beta) for bank in "ab" for alpha in (0.5, 1) for beta in (1, 5.5)
    ]
    assert list(SCORER.settings(arm_of("tip", options))) == [
        {"bank": None, "alpha": None, "beta": beta} for beta in (1, 5.5)
    ]


@given(st.integers(0, 10_000))
def test_the_cache_is_added_to_zero_shot_scores(seed: int) -> None:
    task = some_task(seed)
    bank = ragged(np.random.default_rng(seed), 6, task.classes)
    ((_, zero_shot),) = answers("prompts", task, PromptOptions(), bank, logit_scale=30)
    found = answers("tip", task, TipOptions(alpha=(0, 2), beta=(5.5, 1)), bank, logit_scale=30)
    for setting, logits in found:
        alpha, beta = float(setting["alpha"] or 0), float(setting["beta"] or 0)
        np.testing.assert_allclose(logits, zero_shot + alpha * slow_cache(task, beta), rtol=1e-4, atol=1e-4)
    for setting, logits in found:
        alone = TipOptions.read({"alpha": setting["alpha"], "beta": setting["beta"]}, "-o")
        np.testing.assert_array_equal(answers("tip", task, alone, bank, logit_scale=30)[0][1], logits)


def test_without_a_logit_scale_clips_usual_one_is_taken() -> None:
    task = some_task(1)
    bank = bank_of(directions(np.random.default_rng(1), 5), [(c, c) for c in range(5)])
    assumed, said = (answers("tip", task, PLAIN, bank, logit_scale=scale)[0][1] for scale in (None, 100))
    np.testing.assert_array_equal(assumed, said)


def test_without_a_bank_the_cache_answers_alone() -> None:
    v = directions(np.random.default_rng(0), 6)
    task = learning_task(v[:4], v[3:], [0, 2, 2], 4)
    ((setting, logits),) = answers("tip", task, TipOptions(alpha=(1, 2), cache_scale=3))
    assert setting == {"bank": None, "alpha": None, "beta": 5.5}
    np.testing.assert_allclose(logits[:, [0, 2]], 3 * slow_cache(task, 5.5)[:, [0, 2]], rtol=1e-5)
    assert (logits[:, [1, 3]] == -np.inf).all()


def test_with_a_bank_classes_without_shots_have_their_text() -> None:
    v = directions(np.random.default_rng(0), 4)
    task = learning_task(v, v[:1], [0], 3)
    ((_, logits),) = answers("tip", task, PLAIN, bank_of(v, [(0, 0), (1, 1)]), logit_scale=10)
    assert np.isfinite(logits[:, :2]).all()
    assert (logits[:, 2] == -np.inf).all()
    assert logits[1, 1] == pytest.approx(10, abs=1e-4)


@given(st.integers(0, 10_000))
def test_the_order_of_train_samples_does_not_matter(seed: int) -> None:
    task = some_task(seed)
    order = np.random.default_rng(seed).permutation(len(task.train))
    shuffled = learning_task(task.queries, task.train[order], task.labels[order], task.classes)
    ((_, plain),), ((_, other),) = answers("tip", task, PLAIN), answers("tip", shuffled, PLAIN)
    np.testing.assert_allclose(plain, other, rtol=1e-4)


def test_what_cannot_be_scored_is_said() -> None:
    v = directions(np.random.default_rng(0), 3)
    with pytest.raises(InputError, match="give a train split"):
        answers("tip", learning_task(v, v[:0], [], 3), PLAIN)
    classifier = bank_of(3 * v, [(0, 0)], bias=np.zeros(3, np.float32))
    with pytest.raises(InputError, match="name a bank of texts"):
        answers("tip", learning_task(v, v, [0, 1, 2], 3), PLAIN, classifier)
