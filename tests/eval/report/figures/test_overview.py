"""The picture of a whole result."""

from __future__ import annotations

from pathlib import Path

from eval.report.figures.overview import overview_figures
from eval.report.groups import LabelledResult, group_results
from eval.views.wording import SYMBOLS
from tests.support.drawn_results import (
    fusion,
    reid,
    verification,
    zeroshot,
)  # fmt: skip


def named(**results: object) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_the_overview_is_of_the_best_result_and_has_bars_of_all() -> None:
    groups = group_results(named(a=zeroshot(), b=fusion(), c=reid(), d=verification()))
    figures = [overview_figures(group) for group in groups]
    assert [list(names) for names in figures] == [
        ["bars", "sweep", "gains", "reliability", "coverage", "worst"], ["bars", "cmc"], ["bars", "roc", "scores"],
    ]  # fmt: skip
    bars = figures[0]["bars"]()
    assert [label.get_text() for label in bars.axes[0].get_yticklabels()] == [
        "b", "b: clip alone", "b: resnet alone", "a",
    ]  # fmt: skip
    words = [text.get_text() for text in figures[0]["sweep"]().texts]
    assert words == [f"top-1 over {SYMBOLS['alpha']}, on val", "b. Star: best; ring: chosen."]


def test_lines_have_a_legend_where_there_are_several() -> None:
    figures = overview_figures(group_results(named(a=fusion(), b=verification()))[0])
    legends = {name: make().legends for name, make in figures.items()}
    assert {name for name, of_figure in legends.items() if of_figure} == {"coverage"}
    assert [text.get_text() for text in legends["coverage"][0].get_texts()] == ["the whole", "clip", "resnet"]
