"""Numbers and words of the terminal and the report."""

from __future__ import annotations

import pytest

from eval.results.schema import Metric
from eval.views.wording import count_words, metric_number, metric_words, origin, with_interval
from tests.support.drawn_results import (
    reid,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "metric", "text"),
    [
        ("top_1", Metric(value=0.5), "50.0"),
        ("top_1", Metric(value=0.5, ci95=(0.4, 0.61)), "50.0 [40.0, 61.0]"),
        ("nll", Metric(value=1.25), "1.250"),
        ("nll", Metric(value=1.25, ci95=(1, 2)), "1.250 [1.000, 2.000]"),
        ("top_1", Metric(value=0.5, sd_seeds=0.021), "50.0 (seeds ±2.1)"),
        ("rank_1", Metric(value=-0.0001, sd_draws=0.02), "0.0 ±2.0"),
    ],
)
def test_a_metric_has_one_spelling(name: str, metric: Metric, text: str) -> None:
    assert metric_words(name, metric) == text


def test_differences_have_signs() -> None:
    assert with_interval("top_1", 0.012, (-0.003, 0.027), sign=True) == "+1.2 [-0.3, +2.7]"
    assert with_interval("nll", -0.00001, None, sign=True) == "0.000"


@pytest.mark.parametrize(
    ("count", "text"), [(971, "971"), (971 + 1 / 3, "971.333"), (15614.0, "15,614"), (1234567.4, "1,234,567")]
)
def test_counts(count: float, text: str) -> None:
    assert count_words(count) == text


def test_numbers_are_written_as_in_tables() -> None:
    assert metric_words("top_1", Metric(value=0.594, ci95=(0.586, 0.602), sd_draws=0.003)) == "59.4 [58.6, 60.2] ±0.3"
    assert metric_words("top_1", Metric(value=0.594, sd_seeds=0.01)) == "59.4 (seeds ±1.0)"
    assert metric_number("nll", 1.23456) == "1.235"
    assert metric_number("top_1", -0.0001) == "0.0"
    assert "\N{NO-BREAK SPACE}" in origin(reid())
