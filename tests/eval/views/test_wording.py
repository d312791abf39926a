"""Numbers and words of the terminal and the report."""

from __future__ import annotations

from eval.results.schema import Metric
from eval.views.wording import figure_of, number, origin
from tests.support.drawn_results import (
    reid,
)  # fmt: skip


def test_numbers_are_written_as_in_tables() -> None:
    assert figure_of("top_1", Metric(value=0.594, ci95=(0.586, 0.602), sd_draws=0.003)) == "59.4 [58.6, 60.2] ±0.3"
    assert figure_of("top_1", Metric(value=0.594, sd_seeds=0.01)) == "59.4 (seeds ±1.0)"
    assert number("nll", 1.23456) == "1.235"
    assert number("top_1", -0.0001) == "0.0"
    assert "\N{NO-BREAK SPACE}" in origin(reid())
