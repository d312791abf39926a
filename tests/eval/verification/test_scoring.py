"""Scores of pairs, and how much they can say."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InputError
from tests.support.ranking_problems import Problem, arrays, golden, verify


def test_all_pairs_are_each_pair_once() -> None:
    found = verify(arrays(golden()), pairs="all", camera_rule="none", bootstrap=0)
    sizes = np.unique(np.array(golden().identity), return_counts=True)[1]
    genuine = (sizes * (sizes - 1) // 2).sum()
    assert (found.n["genuine"], found.n["genuine"] + found.n["impostor"]) == (genuine, 240 * 239 // 2)


def test_pairs_that_are_not_there() -> None:
    with pytest.raises(InputError, match="pass `camera_rule=none`"):
        verify(arrays(golden()._replace(camera=["c"] * 240)))
    with pytest.raises(InputError, match="leading zeros"):
        verify(arrays(golden()._replace(identity=["007"] * 40 + ["7"] * 200)))
    with pytest.raises(InputError, match="of one identity, so there is no impostor pair"):
        verify(arrays(golden()._replace(identity=["7"] * 240)), camera_rule="none")
    nameless = verify(arrays(golden()._replace(identity=[None, *golden().identity[1:]])), bootstrap=0)
    assert "1 queries over 1 draws have no identity" in " ".join(nameless.warnings)
    assert nameless.n["query"] == 39


def test_matches_of_one_person_say_nothing_of_others() -> None:
    eye = np.eye(5, dtype=np.float32)
    vectors = np.concatenate([eye[:1], 0.6 * eye[:1] + 0.8 * eye[1:2], eye])
    found = verify(arrays(Problem(vectors, ["a", "a", "a", "b", "c", "d", "e"], [None] * 7, 2)))
    assert any("there are no intervals" in warning for warning in found.warnings)
    assert all(metric.ci95 is None for metric in found.metrics.values())
    assert found.metrics["auc"].value == 15 / 16  # .6 is below one of eight impostors


def test_rates_below_one_couple_of_people_are_named() -> None:
    problem = golden()  # 15 people: 105 couples, thousands of pairs
    assert verify(arrays(problem), bootstrap=0).n["impostor"] > 1000
    (said,) = (each for each in verify(arrays(problem), bootstrap=0).warnings if "couples" in each)
    assert said.startswith("A draw has only 105 couples of two identities: a rate of 0.001 is less than one")
    assert not any("couples" in each for each in verify(arrays(problem), bootstrap=0, fpr="0.01,0.1").warnings)
