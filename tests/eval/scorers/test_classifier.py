from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.registry import load_scorer
from eval.scorers import similarity
from eval.scorers.classifier import SCORER, ClassifierOptions, class_logits
from retrieval.errors import InputError
from tests.support.class_banks import arm_of, bank_of, directions, ragged, task_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.scorer import ClassBank


def slow_probabilities(
    features: NDArray[np.float64], bank: ClassBank, classes: int, temperature: float
) -> NDArray[np.float64]:
    """Softmax over the rows of the layer that serve a class, an edge at a time, then summed per class."""
    found = np.zeros((len(features), classes))
    bias = np.zeros(len(bank.vectors)) if bank.bias is None else bank.bias
    edges = list(zip(bank.edge_class.tolist(), bank.edge_vector.tolist(), strict=True))
    for query, feature in enumerate(features):
        logits = [(float(bank.vectors[row] @ feature) + float(bias[row])) / temperature for _, row in edges]
        raw = [np.exp(logit - max(logits)) for logit in logits]
        for (code, _), weight in zip(edges, raw, strict=True):
            found[query, code] += weight / sum(raw)
    return found


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    raw = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = raw / raw.sum(axis=1, keepdims=True)
    return total


def test_it_is_in_the_table() -> None:
    assert load_scorer("classifier") is SCORER
    assert (SCORER.learns, SCORER.needs_bank, SCORER.config_type) == (False, True, ClassifierOptions)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 7),
    rows=st.integers(1, 12),
    classes=st.integers(1, 6),
    temperature=st.floats(0.2, 10),
    block=st.sampled_from([1, 100, 1 << 20]),
)
def test_equals_the_layer_with_probabilities_added(
    seed: int, queries: int, rows: int, classes: int, temperature: float, block: int
) -> None:
    rng = np.random.default_rng(seed)
    bank, vectors = ragged(rng, rows, classes, unit=False), directions(rng, queries)
    norms = rng.uniform(0.1, 20, queries).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK_BYTES", block)
        logits = class_logits(vectors, norms, bank, classes, temperature)
    assert logits.dtype == np.float32
    features = vectors.astype(np.float64) * norms[:, None]
    np.testing.assert_allclose(softmax(logits), slow_probabilities(features, bank, classes, temperature), atol=2e-5)
    assert np.isneginf(logits).all(axis=0).tolist() == [code not in bank.edge_class for code in range(classes)]


def test_one_row_per_class_gives_the_logits_of_the_layer() -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((5, 8)).astype(np.float32), rng.standard_normal(5).astype(np.float32)
    features = (30 * rng.standard_normal((9, 8))).astype(np.float32)
    norms = np.linalg.norm(features, axis=1)
    permuted = [(3, 0), (0, 1), (4, 2), (1, 3), (2, 4)]
    for own, added in ((bias, bias), (None, 0)):
        found = class_logits(features / norms[:, None], norms, bank_of(weight, permuted, bias=own), 5)
        expected = features @ weight.T + added
        np.testing.assert_allclose(found[:, [3, 0, 4, 1, 2]], expected, rtol=1e-5, atol=1e-4)


def test_rows_outside_the_universe_only_drop_out() -> None:
    """Probabilities over the whole layer, less those of other classes and renormalised, are the same."""
    rng = np.random.default_rng(1)
    whole = ragged(rng, 6, 1, unit=False)
    weight, bias = whole.vectors, whole.bias
    queries, norms = directions(rng, 4), np.full(4, 3, np.float32)
    everything = softmax(class_logits(queries, norms, bank_of(weight, [(c, c) for c in range(6)], bias=bias), 6))
    some = softmax(class_logits(queries, norms, bank_of(weight, [(0, 5), (1, 0), (2, 3)], bias=bias), 3))
    kept = everything[:, [5, 0, 3]]
    np.testing.assert_allclose(some, kept / kept.sum(axis=1, keepdims=True), atol=1e-6)


def test_scorer_uses_bank_norms_and_temperature() -> None:
    rng = np.random.default_rng(2)
    banks = [bank_of(3 * directions(rng, 3), [(c, c) for c in range(3)], name=name) for name in ("a", "b")]
    arm = arm_of("classifier", ClassifierOptions(class_temperature=2.0), *banks)
    queries, norms = directions(rng, 4), np.array([1, 2, 3, 4], np.float32)
    chosen = SCORER.settings(arm)
    assert chosen == ({"bank": "a"}, {"bank": "b"})
    found = list(SCORER.logits(arm, task_of(queries, 3, norms), chosen[::-1]))
    for logits, bank in zip(found, banks[::-1], strict=True):
        np.testing.assert_allclose(logits, queries @ bank.vectors.T * norms[:, None] / 2, atol=1e-5)


def test_large_logits_do_not_overflow() -> None:
    bank = bank_of(np.eye(2, dtype=np.float32), [(0, 0), (0, 1)])
    found = class_logits(np.array([[0.6, 0.8]], np.float32), np.array([1e4], np.float32), bank, 1)
    assert found[0, 0] == pytest.approx(8000)


def test_what_cannot_be_scored_is_refused() -> None:
    queries, norms = np.eye(2, dtype=np.float32), np.ones(2, np.float32)
    edges = [(0, 0), (1, 1)]
    arm = arm_of("classifier", ClassifierOptions(), bank_of(queries, edges))
    with pytest.raises(InputError, match=r"vectors without their lengths .* 'prompts'"):
        list(SCORER.logits(arm, task_of(queries, 2), SCORER.settings(arm)))
    with pytest.raises(InputError, match="Arm 'arm' has no classifier"):
        SCORER.settings(arm_of("classifier", ClassifierOptions()))
    with pytest.raises(InputError, match="no vector for any class"):
        class_logits(queries, norms, bank_of(queries, []), 2)
    broken = np.array([1, np.inf], np.float32)
    rows = np.stack([broken, broken])
    for bank in (bank_of(rows, edges), bank_of(queries, edges, bias=broken)):
        with pytest.raises(InputError, match="not finite"):
            class_logits(queries, norms, bank, 2)
    for wrong in (0, -1, float("nan"), "encoder"):
        with pytest.raises(InputError, match="class_temperature"):
            ClassifierOptions.read({"class_temperature": wrong}, "-o")


def test_equals_the_probabilities_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    features, labels = rng.standard_normal((90, 5)).astype(np.float32), np.repeat(np.arange(3), 30)
    fitted = LogisticRegression().fit(features + labels[:, None], labels)
    weight, bias = (np.asarray(each, np.float32) for each in (fitted.coef_, fitted.intercept_))
    norms = np.linalg.norm(features, axis=1)
    logits = class_logits(features / norms[:, None], norms, bank_of(weight, [(c, c) for c in range(3)], bias=bias), 3)
    np.testing.assert_allclose(softmax(logits), fitted.predict_proba(features), atol=1e-5)


def test_a_head_for_unit_vectors_takes_no_lengths() -> None:
    rng = np.random.default_rng(4)
    queries, bias = directions(rng, 3), np.array([0.5, -0.5], np.float32)
    layer = bank_of(2 * directions(rng, 2), [(0, 0), (1, 1)], bias=bias)
    head = replace(layer, temperature=0.5)
    want = (queries @ layer.vectors.T + bias) / 0.5
    for norms in (None, np.full(3, 7, np.float32)):
        for divisor in (1.0, 4.0):
            arm = arm_of("classifier", ClassifierOptions(class_temperature=divisor), head)
            (found,) = SCORER.logits(arm, task_of(queries, 2, norms), SCORER.settings(arm))
            np.testing.assert_allclose(found, want / divisor, atol=1e-5)
