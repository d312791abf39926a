"""What every scorer promises: settings, and logits that are a function of a query and of what is learnt from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eval.registry import SCORERS, load_scorer
from eval.scorers.situated import SITUATED
from eval.seams.scorer import Arm, ClassBank, ScorerTask, SituatedTexts
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.search.exact import make_index
from retrieval.types import Float32
from tests.support.class_banks import directions, ragged

CLASSES, D = 5, 6
SEVERAL: dict[str, dict[str, Any]] = {
    "prompts": {"pool": "softmax,max", "temperature": "0.05,0.1"},
    "prototype": {},
    "knn": {"k": "1,5,1000", "votes": "uniform,exp"},
    "classifier": {},
    "tip": {"alpha": "0,1", "beta": "1,5.5"},
    "linear": {"c": "1,100"},
    "gda": {"a": "0.1,1"},
    "lp++": {"iterations": "5,40"},
    "clap": {},
    "plain": {},
    "spatial": {},
    "neighbours": {},
}
"""Options with more than one candidate, of those that have such."""

WITHOUT_BANK = [name for name in SCORERS if load_scorer(name).learns and not load_scorer(name).needs_bank]


def arm_of(name: str, *, banks: bool = True, options: dict[str, Any] | None = None) -> Arm:
    rng = np.random.default_rng(3)
    scorer = load_scorer(name)
    made: tuple[ClassBank, ...] = ()
    if banks and (scorer.needs_bank or scorer.takes_texts):
        unit = scorer.takes_texts
        made = tuple(replace(ragged(rng, 9, CLASSES, unit=unit), name=bank) for bank in ("one", "two"))
    read = scorer.config_type.read(SEVERAL[name] if options is None else options, "test")
    situated = None
    if name in SITUATED:  # 14 queries in three situations; the last class has no text in one of them
        texts = rng.integers(0, 9, (3, CLASSES))
        texts[2, -1] = -1
        situated = SituatedTexts(rng.integers(0, 3, 14), texts)
    return Arm("arm", scorer, {}, read, made, logit_scale=20.0, situated=situated)


def task_of(name: str, queries: int = 14, train: int = 30, absent: tuple[int, ...] = ()) -> ScorerTask:
    """Queries, and train samples of the classes that are not absent."""
    rng = np.random.default_rng(7)
    there = np.setdiff1d(np.arange(CLASSES), absent)
    vectors = directions(rng, queries, D), directions(rng, train, D)
    norms = rng.uniform(0.5, 3, queries).astype(np.float32)
    learns = load_scorer(name).learns
    return ScorerTask(
        vectors[0],
        norms,
        vectors[1] if learns else vectors[1][:0],
        there[rng.integers(0, len(there), train)] if learns else np.empty(0, np.int64),
        CLASSES,
        make_index,
        rows=np.arange(queries),
    )


def scored(arm: Arm, task: ScorerTask) -> list[Float32]:
    return list(arm.scorer.logits(arm, task, arm.scorer.settings(arm)))


def some(task: ScorerTask, rows: Any) -> ScorerTask:
    assert task.norms is not None
    assert task.rows is not None
    return replace(task, queries=task.queries[rows], norms=task.norms[rows], rows=task.rows[rows])


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_says_who_it_is(name: str) -> None:
    scorer = load_scorer(name)
    assert scorer.name == name
    assert issubclass(scorer.config_type, Config)
    assert scorer.learns or scorer.needs_bank
    assert scorer.config_type() == scorer.config_type.read({}, "test")


@pytest.mark.parametrize("name", SCORERS)
def test_settings_are_there_differ_and_stay_the_same(name: str) -> None:
    scorer = load_scorer(name)
    for options in ({}, SEVERAL[name]):
        arm = arm_of(name, options=options)
        settings = scorer.settings(arm)
        assert settings
        assert settings == scorer.settings(arm)
        plain = [tuple(sorted(setting.items())) for setting in settings]
        assert len(set(plain)) == len(plain)
        assert all(isinstance(value, str | int | float | None) for setting in settings for value in setting.values())
    if not scorer.needs_bank:
        assert scorer.settings(arm_of(name, banks=False))


@pytest.mark.parametrize("name", SCORERS)
def test_logits_are_finite_enough_for_probabilities(name: str) -> None:
    arm, task = arm_of(name), task_of(name)
    found = scored(arm, task)
    assert len(found) == len(load_scorer(name).settings(arm))
    for logits in found:
        assert logits.shape == (14, CLASSES)
        assert logits.dtype == np.float32
        assert not np.isnan(logits).any()
        assert not np.isposinf(logits).any()
        assert np.isfinite(logits).any(axis=1).all()


@pytest.mark.parametrize("name", SCORERS)
def test_the_same_again_to_the_bit(name: str) -> None:
    for first, second in zip(scored(arm_of(name), task_of(name)), scored(arm_of(name), task_of(name)), strict=True):
        assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("name", SCORERS)
def test_each_setting_by_itself_gives_what_it_gives_among_others(name: str) -> None:
    arm, task, scorer = arm_of(name), task_of(name), load_scorer(name)
    settings = scorer.settings(arm)
    for setting, logits in zip(reversed(settings), reversed(scored(arm, task)), strict=True):
        (alone,) = scorer.logits(arm, task, [setting])
        np.testing.assert_allclose(alone, logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_the_order_of_queries_and_their_company_do_not_matter(name: str) -> None:
    arm, task = arm_of(name), task_of(name)
    order = np.random.default_rng(0).permutation(14)
    for whole, turned, few in zip(
        scored(arm, task), scored(arm, some(task, order)), scored(arm, some(task, [4, 9])), strict=True
    ):
        np.testing.assert_allclose(turned, whole[order], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(few, whole[[4, 9]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_the_order_of_train_samples_does_not_matter(name: str) -> None:
    arm, task = arm_of(name), task_of(name)
    order = np.random.default_rng(1).permutation(len(task.train))
    turned = replace(task, vectors=task.train[order], labels=task.labels[order])
    for one, other in zip(scored(arm, task), scored(arm, turned), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-3)  # L-BFGS stops a little elsewhere


@pytest.mark.parametrize("name", SCORERS)
def test_inputs_are_not_written_to(name: str) -> None:
    arm, task = arm_of(name), task_of(name)
    assert task.norms is not None
    for vectors in (task.queries, task.norms, task.train, *(bank.vectors for bank in arm.banks)):
        vectors.flags.writeable = False
    task.labels.flags.writeable = False
    assert scored(arm, task)


@pytest.mark.parametrize("name", WITHOUT_BANK)
def test_classes_absent_from_train_are_never_the_best(name: str) -> None:
    for logits in scored(arm_of(name, banks=False), task_of(name, absent=(1, 3))):
        assert not np.isin(logits.argmax(axis=1), (1, 3)).any()


@pytest.mark.parametrize("name", WITHOUT_BANK)
def test_one_class_and_one_train_sample_are_enough(name: str) -> None:
    task = task_of(name, train=1)
    for logits in scored(arm_of(name, banks=False), task):
        assert (logits.argmax(axis=1) == task.labels[0]).all()


@pytest.mark.parametrize("name", [name for name in SCORERS if load_scorer(name).learns])
def test_no_train_samples_are_an_error(name: str) -> None:
    task = task_of(name)
    with pytest.raises(InputError, match="train"):
        scored(
            arm_of(name, banks=load_scorer(name).needs_bank),
            replace(task, vectors=task.train[:0], labels=task.labels[:0]),
        )


@pytest.mark.parametrize("name", [name for name in SCORERS if load_scorer(name).needs_bank and name not in SITUATED])
def test_classes_absent_from_the_bank_cannot_be_answered(name: str) -> None:
    arm = arm_of(name)
    bank = arm.banks[0]
    kept = bank.edge_class != bank.edge_class[0]
    less = replace(bank, edge_vector=bank.edge_vector[kept], edge_class=bank.edge_class[kept])
    for logits in scored(replace(arm, banks=(less,)), task_of(name)):
        assert np.isneginf(logits[:, bank.edge_class[0]]).all()
    with pytest.raises(InputError, match="arm"):
        scored(replace(arm, banks=()), task_of(name))
