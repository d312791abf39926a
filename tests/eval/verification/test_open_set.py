from __future__ import annotations

import re

import numpy as np
import pytest

from eval.modes.verification import MODE
from eval.ranking.relations import settle
from eval.seams.mode import Arrays
from eval.verification.scoring import VerificationConfig
from retrieval.errors import InputError
from tests.support.ranking_problems import Problem, arrays, golden, verify


def test_unknown_people_by_hand() -> None:
    eye = np.eye(4, dtype=np.float32)
    # Queries of a, b, c; the gallery has a and b: c is a search without a mate, b's mate is beaten by a's.
    query = np.stack([eye[0], 0.8 * eye[0] + 0.6 * eye[1], 0.6 * eye[0] + 0.8 * eye[3]])
    problem = Problem(np.concatenate([query, eye[:2]]), ["a", "b", "c", "a", "b"], [None] * 5, 3)
    found = verify(arrays(problem), fpir="0.5,0.9", bootstrap=0)
    assert (found.n["mated"], found.n["unmated"]) == (2, 1)
    assert found.metrics["open_set_rank_1"].value == 0.5
    assert found.metrics["fnir_at_fpir_0.5"].value == 0.5  # above .6 only a is returned
    assert any("only 1 unmated searches" in warning for warning in found.warnings)
    assert "mated" not in verify(arrays(golden()), bootstrap=0).n


def test_a_share_of_the_gallery_is_taken_out_by_the_seed() -> None:
    found = [
        MODE.evaluate(
            *settle(arrays(golden()), VerificationConfig(unknown=0.4, bootstrap=0)), np.random.default_rng(seed)
        )
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1]
    assert found[0].n["unmated"] != found[2].n["unmated"] or found[0].metrics != found[2].metrics
    assert found[0].metrics["auc"] == found[2].metrics["auc"]


def a_gallery_of(n: int) -> Arrays:
    """One query and one gallery image of n people each, who are perfectly apart."""
    eye = np.eye(n, dtype=np.float32)
    return arrays(Problem(np.concatenate([eye, eye]), [f"p{at}" for at in range(n)] * 2, [None] * 2 * n, n))


@pytest.mark.parametrize(("unknown", "taken", "missing"), [(0.01, 0, "unknown"), (0.999, 12, "known")])
def test_a_share_of_unknown_people_that_leaves_none_names_those_that_work(
    unknown: float, taken: int, missing: str
) -> None:
    problem = a_gallery_of(12)
    with pytest.raises(InputError) as raised:
        verify(problem, unknown=unknown, bootstrap=0)
    assert str(raised.value) == (
        f"unknown={unknown:g} takes {taken} of the 12 identities out of a draw's gallery, which leaves no query of an "
        f"identity that is {missing} there; unknown from 0.042 to 0.958 works in every draw."
    )
    for works, unmated in ((0.042, 1), (0.958, 11)):
        assert verify(problem, unknown=works, bootstrap=0).n["unmated"] == unmated
    for fails in (0.041, 0.959):
        with pytest.raises(InputError, match="works in every draw"):
            verify(problem, unknown=fails, bootstrap=0)


def test_only_people_with_queries_can_be_searched_for() -> None:
    whole = a_gallery_of(12)
    few = {"query": np.arange(6), "gallery": np.arange(12, 24)}
    problem = Arrays(whole.ids, whole.vectors, whole.columns, {"": (few, few)})
    with pytest.raises(
        InputError, match=r"no query .* unknown there; unknown from ([\d.]+) to ([\d.]+) works"
    ) as raised:
        verify(problem, unknown=0.01, bootstrap=0)
    found = re.search(r"from ([\d.]+) to ([\d.]+)", str(raised.value))
    assert found
    for works in found.groups():
        assert verify(problem, unknown=float(works), bootstrap=0).n["mated"] >= 1
    one = {"query": np.arange(1), "gallery": np.arange(12, 24)}
    with pytest.raises(InputError, match="no value works in every draw, so leave the option out"):
        verify(Arrays(whole.ids, whole.vectors, whole.columns, {"": (one,)}), unknown=0.5, bootstrap=0)


def test_some_draws_without_unknown_people_count_no_searches() -> None:
    whole = a_gallery_of(4)
    every = {"query": np.arange(4), "gallery": np.arange(4, 8)}
    problem = Arrays(whole.ids, whole.vectors, whole.columns, {"": ({**every, "gallery": np.arange(5, 8)}, every)})
    found = verify(problem, bootstrap=0)
    assert "mated" not in found.n
    assert any("open-set identification is left out" in warning for warning in found.warnings)
