from __future__ import annotations

import statistics

import numpy as np
import pytest

from eval.ranking.score_norm import cohort_mask, normalised_blocks
from retrieval.errors import InputError, TestDataError
from tests.support.sample_stores import unit


def test_z_and_s_are_the_scores_in_standard_deviations_of_chance() -> None:
    vectors = unit(40, 6).vectors
    queries, gallery, cohort = vectors[:5], vectors[5:20], vectors[20:]
    ((_, z),) = normalised_blocks(queries, gallery, cohort, "z")
    ((_, s),) = normalised_blocks(queries, gallery, cohort, "s")
    assert z.dtype == s.dtype == np.float32

    def normal(score: float, image: np.ndarray) -> float:
        chance = [float(image @ other) for other in cohort.astype(float)]
        return (score - statistics.fmean(chance)) / statistics.pstdev(chance)

    for q, query in enumerate(queries.astype(float)):
        for g, image in enumerate(gallery.astype(float)):
            score = float(query @ image)
            assert z[q, g] == pytest.approx(normal(score, image), abs=1e-4)
            assert s[q, g] == pytest.approx((normal(score, image) + normal(score, query)) / 2, abs=1e-4)


def test_z_takes_down_an_image_that_everybody_resembles() -> None:
    rng = np.random.default_rng(0)
    people = unit(60, 8, seed=2).vectors
    people[:, 0] = np.abs(people[:, 0])  # all lean to one side: the hub stands in the middle of it
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    hub = people.mean(axis=0)
    gallery = np.concatenate([people[:9], (hub / np.linalg.norm(hub))[None]])
    queries = gallery[:9] + 0.5 * rng.standard_normal((9, 8)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    ((_, z),) = normalised_blocks(queries, gallery, people[9:], "z")
    plain = queries @ gallery.T
    assert (z.argsort(axis=1) == 9).nonzero()[1].mean() < (plain.argsort(axis=1) == 9).nonzero()[1].mean()


@pytest.mark.parametrize("cohort", [unit(1, 4).vectors, np.repeat(unit(1, 4).vectors, 3, axis=0)])
def test_a_cohort_without_spread_is_refused(cohort: np.ndarray) -> None:
    with pytest.raises(InputError, match="equally similar"):
        list(normalised_blocks(unit(2, 4, 1).vectors, unit(3, 4, 2).vectors, cohort, "z"))


def test_strangers_are_known_people_who_are_not_tested() -> None:
    assert cohort_mask(np.array([4, -1, 5, 6]), np.array([5, 7])).tolist() == [True, False, False, True]
    with pytest.raises(TestDataError, match="also tested"):
        cohort_mask(np.array([5, -1, 7]), np.array([5, 7]))
    for nobody in ([], [-1, -1]):
        with pytest.raises(InputError, match="no sample of a known identity has split 'train'"):
            cohort_mask(np.array(nobody, np.int64), np.array([5]))
