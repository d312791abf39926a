"""Pictures of several results side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.report.figures.comparison import bars_of, drawn_metrics, gains_figure
from eval.report.groups import Group, LabelledResult
from eval.report.tables import gains_table
from tests.support.drawn_results import (
    fusion,
    knn,
)  # fmt: skip


def named(**results: object) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_bars_are_results_and_their_arms() -> None:
    group = Group(tuple(named(fusion=fusion(), knn=knn())))
    bars = bars_of(group.rows(), "top_1")
    assert [bar.label for bar in bars] == ["fusion", "fusion: clip alone", "fusion: resnet alone", "knn"]
    assert bars[0].value == pytest.approx(59.4)
    assert bars[0].ends == pytest.approx((58.6, 60.2))
    assert bars_of(group.rows(), "nll")[3].value == pytest.approx(1.43)
    assert drawn_metrics(["nll", "eer", "auc"]) == ["eer", "auc"]


def test_gains_have_a_panel_per_arm() -> None:
    figure = gains_figure(fusion())
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["over clip", "over resnet"]
    rows = gains_table(fusion()).rows
    assert ("clip", "top-1", "+34.0 [+33.0, +35.0]", "< 0.0001") in rows
