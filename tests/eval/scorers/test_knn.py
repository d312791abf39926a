from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from eval.registry import load_scorer
from eval.scorers import knn as module
from eval.scorers.knn import SCORER, VoteOptions, Votes, count_votes
from eval.seams.scorer import ScorerTask
from retrieval.errors import InputError
from retrieval.search.exact import make_index
from retrieval.types import Float32, Int64, Neighbors
from tests.support.class_banks import arm_of, directions
from tests.support.learning_tasks import TinyIndex, answers, learning_task, some_task

WAYS: tuple[Votes, ...] = ("uniform", "similarity", "exp")


def neighbours(*lists: list[tuple[int, float]]) -> Neighbors:
    """Lists of (row, score) of equal lengths."""
    table = np.array(lists, float)
    return Neighbors(table[..., 0].astype(np.int64), table[..., 1].astype(np.float32))


def slow_probabilities(
    found: Neighbors, labels: Int64, classes: int, votes: Votes, options: VoteOptions
) -> list[list[float]]:
    answers = []
    for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
        counted = [0.0] * classes
        for row, score in zip(rows, scores, strict=True):
            if row < 0:
                continue
            if votes == "uniform":
                counted[labels[row]] += 1
            elif votes == "similarity":
                counted[labels[row]] += max(score, 0)
            else:
                counted[labels[row]] += float(np.exp(score / options.tau) / np.exp(scores[0] / options.tau))
        evidence = sum(counted) + options.smoothing
        answers.append([(vote + options.smoothing / classes) / evidence for vote in counted])
    return answers


def test_it_is_in_the_table() -> None:
    assert load_scorer("knn") is SCORER
    assert (SCORER.learns, SCORER.needs_bank) == (True, False)


def test_every_k_with_every_way_to_vote() -> None:
    options = VoteOptions.read({"k": "1,5", "votes": "uniform,exp"}, "-o")
    assert [*SCORER.settings(arm_of("knn", options))] == [
        {"k": 1, "votes": "uniform"},
        {"k": 1, "votes": "exp"},
        {"k": 5, "votes": "uniform"},
        {"k": 5, "votes": "exp"},
    ]


@pytest.mark.parametrize(
    "given_", [{"k": 0}, {"k": 1.5}, {"votes": "loud"}, {"smoothing": 0}, {"tau": 0}, {"index": "flat"}]
)
def test_wrong_options_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        VoteOptions.read(given_, "-o")


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 7), st.integers(1, 20), st.sampled_from(WAYS))
def test_probabilities_are_those_of_a_slow_loop(seed: int, train: int, classes: int, k: int, votes: Votes) -> None:
    """k may be larger than the train split; the search pads then."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, train)
    found = TinyIndex(directions(rng, train)).search(directions(rng, 5), k)
    options = VoteOptions(tau=float(rng.uniform(0.02, 2)), smoothing=float(rng.uniform(0.01, 2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", 32 * 2 * (classes + k))
        logits = count_votes(found, labels, classes, votes, options)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(
        np.exp(logits.astype(float)), slow_probabilities(found, labels, classes, votes, options), rtol=2e-4
    )


@pytest.mark.parametrize("k", [1, 4, 15])
@pytest.mark.parametrize("votes", WAYS)
def test_as_scikit_learn_but_for_the_smoothing(k: int, votes: Votes) -> None:
    rng = np.random.default_rng(7)
    one_side = unit(directions(rng, 200) + np.float32(2) * np.eye(6, dtype=np.float32)[0])  # scikit-learn: votes >= 0
    task = learning_task(one_side[:80], one_side[80:], rng.integers(0, 6, 120), 6)
    weights = {
        "uniform": "uniform",
        "similarity": lambda distances: 1 - distances,
        "exp": lambda distances: np.exp(-distances / 0.07),
    }
    options = VoteOptions(k=(k,), votes=(votes,), smoothing=1e-6)
    ((_, logits),) = answers("knn", task, options)
    model = KNeighborsClassifier(k, metric="cosine", weights=weights[votes]).fit(task.train, task.labels)
    probs = np.zeros((80, 6))
    probs[:, model.classes_] = model.predict_proba(task.queries)
    np.testing.assert_allclose(np.exp(logits), probs, atol=2e-5)


def unit(raw: Float32) -> Float32:
    found: Float32 = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return found


def test_as_with_the_index_of_the_store() -> None:
    task = some_task(3, classes=9, train=400, queries=60)
    options = VoteOptions.read({"k": "1,20,1000", "votes": "uniform,similarity,exp"}, "-o")
    real = learning_task(task.queries, task.train, task.labels, 9)
    ours = ScorerTask(real.queries, None, real.train, real.labels, 9, make_index)
    for (setting, tiny), (same, exact) in zip(
        answers("knn", task, options), answers("knn", ours, options), strict=True
    ):
        assert setting == same
        np.testing.assert_allclose(tiny, exact, atol=1e-4)


def test_one_search_of_the_kind_asked_for_serves_all_settings() -> None:
    task, made = some_task(0), []

    def index(kind: str, vectors: Float32, rows: Int64 | None = None) -> TinyIndex:
        assert rows is None
        made.append((kind, TinyIndex(vectors)))
        return made[-1][1]

    options = VoteOptions.read({"k": "3,9,2", "votes": "uniform,exp", "index": "hnsw"}, "-o")
    several = answers("knn", ScorerTask(task.queries, None, task.train, task.labels, 5, index), options)
    assert [(kind, tiny.asked) for kind, tiny in made] == [("hnsw", [9])]
    for setting, logits in several:
        alone = answers("knn", task, VoteOptions.read(dict(setting), "-o"))[0][1]
        np.testing.assert_array_equal(logits, alone)


def test_of_equal_votes_the_nearest_wins() -> None:
    labels = np.array([4, 2, 0, 2, 4, 5])
    found = neighbours([(1, 0.9), (0, 0.8), (2, 0.7), (4, 0.6), (3, 0.5)])
    logits = count_votes(found, labels, 6, "uniform", VoteOptions())[0]
    assert np.argsort(-logits, kind="stable").tolist() == [2, 4, 0, 1, 3, 5]
    assert (np.ptp(logits[[1, 3, 5]]), logits[0] > logits[1]) == (0, True)


def test_the_nearest_wins_also_after_a_softmax_in_float32_and_with_many_ties() -> None:
    classes, k = 1000, 200
    rows = np.random.default_rng(0).permutation(classes)[:k]
    found = Neighbors(rows[None], np.linspace(0.9, 0.1, k, dtype=np.float32)[None])
    logits = count_votes(found, np.arange(classes), classes, "uniform", VoteOptions(smoothing=0.01))
    probs = np.exp(logits - logits.max())
    probs /= probs.sum()
    assert np.argsort(-probs[0], kind="stable")[:k].tolist() == rows.tolist()
    np.testing.assert_allclose(probs[0, rows], 1 / k, rtol=2e-3)


def test_where_all_neighbours_point_away_the_nearest_still_wins() -> None:
    found = neighbours([(0, -0.1), (1, -0.5)])
    logits = count_votes(found, np.array([3, 1]), 4, "similarity", VoteOptions())[0]
    assert np.argsort(-logits, kind="stable").tolist() == [3, 1, 0, 2]
    np.testing.assert_allclose(np.exp(logits), 0.25, atol=1e-5)


def test_a_query_that_an_approximate_search_finds_nobody_for_is_undecided() -> None:
    found = neighbours([(-1, -np.inf), (-1, -np.inf)], [(0, 0.5), (-1, -np.inf)])
    for votes in WAYS:
        logits = count_votes(found, np.array([1]), 3, votes, VoteOptions(smoothing=0.01))
        np.testing.assert_allclose(np.exp(logits[0]), 1 / 3, atol=1e-6)
        assert logits[1].argmax() == 1


@given(st.integers(0, 10_000), st.sampled_from(WAYS))
def test_the_order_of_train_samples_and_the_numbers_of_classes_do_not_matter(seed: int, votes: Votes) -> None:
    task, rng = some_task(seed), np.random.default_rng(seed)
    order, codes = rng.permutation(len(task.train)), rng.permutation(task.classes)
    options = VoteOptions(k=(7,), votes=(votes,))
    ((_, plain),) = answers("knn", task, options)
    other = learning_task(task.queries, task.train[order], codes[task.labels[order]], task.classes)
    ((_, permuted),) = answers("knn", other, options)
    np.testing.assert_allclose(plain, permuted[:, codes], atol=1e-5)
    np.testing.assert_array_equal(codes[plain.argmax(axis=1)], permuted.argmax(axis=1))


def test_one_train_sample_one_class_and_no_train_sample() -> None:
    v = directions(np.random.default_rng(0), 3)
    ((_, logits),) = answers("knn", learning_task(v, v[:1], [1], 3), VoteOptions())
    assert logits.argmax(axis=1).tolist() == [1, 1, 1]
    ((_, logits),) = answers("knn", learning_task(v, v, [0, 0, 0], 1), VoteOptions())
    np.testing.assert_allclose(logits, 0, atol=1e-5)
    with pytest.raises(InputError, match="give a train split"):
        answers("knn", learning_task(v, v[:0], [], 3), VoteOptions())
