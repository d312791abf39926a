"""Pictures of confidence."""

from __future__ import annotations

import numpy as np
import pytest

from eval.report.figures.reliability import confidence_curves, coverage_lines, expected_error, reliability_figure
from tests.support.drawn_results import (
    answers,
    fusion,
    knn,
)  # fmt: skip


def test_the_error_of_a_reliability_curve_is_that_of_its_answers() -> None:
    labels, predicted, confidence = answers()
    correct = labels == predicted
    at = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    wanted = sum(
        abs(correct[at == b].mean() - confidence[at == b].mean()) * (at == b).mean()
        for b in range(15)
        if (at == b).any()
    )
    curves = confidence_curves(fusion(), "reliability")
    assert list(curves) == ["the whole", "clip", "resnet"]
    assert expected_error(curves["the whole"]) == pytest.approx(wanted)
    assert expected_error({"confidence": (0.0,), "accuracy": (0.0,), "count": (0.0,)}) == 0
    assert len(reliability_figure(fusion()).axes) == 6
    assert coverage_lines(knn())[0].y[-1] == pytest.approx(100 * correct.mean())
