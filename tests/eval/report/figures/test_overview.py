"""The picture of a whole result."""

from __future__ import annotations

from pathlib import Path

from eval.report.figures.overview import overview_figure
from eval.report.groups import LabelledResult, group_results
from tests.support.drawn_results import (
    fusion,
    reid,
    zeroshot,
)  # fmt: skip


def named(**results: object) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_the_overview_has_at_most_six_panels() -> None:
    assert len(overview_figure(group_results(named(a=zeroshot(), b=fusion(), c=reid())), "t").axes) == 6
    assert len(overview_figure(group_results(named(c=reid())), "t").axes) == 2
