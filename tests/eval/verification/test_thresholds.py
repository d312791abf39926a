from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InputError, TestDataError
from tests.support.ranking_problems import verify, with_held_out


def test_the_threshold_comes_from_identities_that_are_not_tested() -> None:
    problem = with_held_out(val=slice(0, 60))
    found = verify(problem)
    assert found.thresholds is not None
    rows = np.arange(250, 300)  # the first ten are of an identity that is tested
    vectors, names = problem.vectors["base"][rows].astype(float), problem.columns["identity"][rows]
    pairs = [(vectors[a] @ vectors[b], names[a] != names[b]) for a in range(50) for b in range(a)]
    impostors = sorted((score for score, different in pairs if different), reverse=True)
    threshold = found.thresholds["whole"]
    assert threshold == pytest.approx(impostors[int(0.01 * len(impostors))], abs=1e-6)
    assert (found.n["threshold_identities"], found.n["threshold_samples"]) == (5, 50)
    scores = problem.vectors["base"][:40] @ problem.vectors["base"][40:240].T
    same = problem.columns["identity"][:40, None] == problem.columns["identity"][None, 40:240]
    assert found.metrics["threshold_fmr"].value == pytest.approx((scores[~same] > threshold).mean(), abs=1e-9)
    assert found.metrics["threshold_fnmr"].value == pytest.approx((scores[same] <= threshold).mean(), abs=1e-9)
    assert not found.warnings[:1] or "threshold" not in found.warnings[0]


def test_training_identities_are_a_warning_and_test_identities_an_error() -> None:
    found = verify(with_held_out(train=slice(0, 60)))
    assert found.config["threshold_from"] == ["val", "train"]
    assert "5 of split train" in found.warnings[0]
    with pytest.raises(
        InputError, match="No threshold can be chosen: the samples of split val whose identity is not tested"
    ):
        verify(with_held_out(train=slice(0, 60)), threshold_from="val")
    for split in ("test", "query", "val,gallery"):
        with pytest.raises(TestDataError, match=r"on test data.*pass `threshold_from=val`, val,train, or none"):
            verify(with_held_out(), threshold_from=split)
    with pytest.raises(InputError, match="it is auto, none, or some of val,train"):
        verify(with_held_out(), threshold_from="valid")
    none = verify(with_held_out(val=slice(0, 60)), threshold_from="none")
    assert none.thresholds is None
    assert "threshold_fmr" not in none.metrics
