"""What figures of a report show: lines, grids and bars against the figures of the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.report.figures.classes import confusion_figure, involved_classes, worst_classes
from eval.report.figures.comparison import bars_of, cmc_lines, drawn_metrics, gains_figure
from eval.report.figures.overview import overview_figure
from eval.report.figures.panels import shortened
from eval.report.figures.reliability import confidence_curves, coverage_lines, expected_error, reliability_figure
from eval.report.figures.sweeps import (
    best_point,
    chosen_setting,
    metric_grid_figure,
    overlay_lines,
    settings_grid_figure,
    sweep_axis,
    sweep_figure,
    sweep_groups,
    sweep_lines,
)
from eval.report.groups import Group, Named, group_results, read_results
from eval.report.tables import gains_table, sweep_table
from eval.results.files import write_result
from eval.results.schema import Chosen, ClassFigures, Confused, Metric, SweepPoint
from eval.views.wording import figure_of, number, origin
from tests.support.drawn_results import (
    ALPHAS,
    SPECIES,
    TEMPERATURES,
    answers,
    fewshot,
    fusion,
    knn,
    plain,
    reid,
    result,
    shots_and_alpha,
    zeroshot,
)  # fmt: skip


def points(made: object) -> list[SweepPoint]:
    (found,) = sweep_groups(made).values()  # type: ignore[arg-type]
    return found


def named(**results: object) -> list[Named]:
    return [Named(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_lines_are_the_points_of_the_sweep() -> None:
    made = points(zeroshot())
    assert sweep_axis(made) == "temperature"
    taken = chosen_setting(zeroshot(), made)
    assert taken == (made[0], 1.0)
    lines = {line.label: line for line in sweep_lines(made, "temperature", "macro_f1", taken[0])}
    assert len(lines) == 6
    softmax = lines["delta_prompts, softmax"]
    assert softmax.x == TEMPERATURES
    assert softmax.y == tuple(100 * point.metrics["macro_f1"] for point in made[:8])
    assert softmax.chosen == 0
    level = lines["class_prompts_plain, max"]
    assert level.level
    assert level.chosen is None
    assert [line.chosen for line in lines.values()].count(None) == 5


def test_what_most_draws_took_is_ringed() -> None:
    three = tuple({"alpha": alpha} for alpha in (0.2, 0.3, 0.3))
    made = fusion(chosen=Chosen(settings=three, criterion="top_1", on="val"))
    taken = chosen_setting(made, points(made))
    assert taken is not None
    assert taken[0].settings == {"alpha": 0.3}
    assert taken[1] == pytest.approx(2 / 3)
    assert chosen_setting(fewshot(), points(fewshot())) is None


def test_only_the_best_lines_of_many_are_drawn() -> None:
    many = [
        SweepPoint(
            settings={"bank": f"b{at:02d}", "temperature": t}, role="val", metrics=plain(0.2 + at / 100 - t / 10)
        )
        for at in range(20)
        for t in TEMPERATURES
    ]
    lines = sweep_lines(many, "temperature", "top_1")
    assert [line.label for line in lines] == [f"b{at:02d}" for at in range(8, 20)]


def test_the_axis_is_the_first_setting_that_varies() -> None:
    assert sweep_axis(points(fusion())) == "alpha"
    assert sweep_axis(points(shots_and_alpha())) == "alpha"
    assert sweep_axis(points(fewshot())) == "shots"
    assert sweep_axis(points(fewshot())[:1]) is None
    assert {line.label for line in sweep_lines(points(shots_and_alpha()), "alpha", "top_1")} == {
        "shots 1", "shots 2", "shots 5", "shots 10"
    }  # fmt: skip
    bands = [line.band for line in sweep_lines(points(fewshot()), "shots", "top_1")]
    assert all(band is not None and band[1][0] - band[0][0] == pytest.approx(6.0) for band in bands)


def test_the_best_of_a_loss_is_the_lowest() -> None:
    made = points(fusion())
    assert best_point(made, "nll").metrics["nll"] == min(point.metrics["nll"] for point in made)
    assert best_point(made, "top_1").metrics["top_1"] == max(point.metrics["top_1"] for point in made)


def test_sweep_figures_say_on_which_role_they_are() -> None:
    figure = sweep_figure(fusion(), points(fusion()), "alpha", "t")
    words = " ".join(text.get_text() for text in figure.texts).replace("\N{NO-BREAK SPACE}", " ")
    assert "11 settings on val" in words
    assert "15,616 val images" in words
    assert "test images" not in words
    assert len(figure.axes) == 4
    tested = sweep_figure(fewshot(), points(fewshot()), "shots", "t")
    assert "on test" in " ".join(text.get_text() for text in tested.texts)


def test_grids_frame_the_best_cell() -> None:
    made = points(shots_and_alpha())
    figure = settings_grid_figure(shots_and_alpha(), made, "shots", "alpha", "top_1", "t")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 44
    (frame,) = figure.axes[0].patches
    row, column = round(frame.get_y() + 0.46), round(frame.get_x() + 0.47)  # type: ignore[attr-defined]
    best = best_point(made, "top_1")
    assert ((1, 2, 5, 10)[row], ALPHAS[column]) == (best.settings["shots"], best.settings["alpha"])
    grid = metric_grid_figure(fusion(), points(fusion()), "alpha", "t")
    assert len(grid.axes[0].texts) == 11 * 6
    assert len(grid.axes[0].patches) == 6


def test_overlays_take_the_best_line_of_each_result() -> None:
    worse = [point.model_copy(update={"metrics": plain(0.1)}) for point in points(zeroshot())[:8]]
    lines = overlay_lines({"a": points(zeroshot()), "b": worse}, "temperature", "top_1")
    assert [line.label for line in lines] == ["a", "b"]
    assert max(lines[0].y) == pytest.approx(28.0)
    assert max(lines[1].y) == pytest.approx(10.0)


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
    assert ("clip", "top-1", "+34.0 [33.0, 35.0]", "< 0.0001") in rows


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


def test_worst_classes_have_images_and_stand_in_order() -> None:
    worst = worst_classes(fusion())
    assert len(worst) == 20
    assert [each.recall for _, each in worst] == sorted(each.recall for _, each in worst)
    assert all(each.support for _, each in worst)
    rest = [each for name, each in (fusion().per_class or {}).items() if name not in dict(worst) and each.support]
    assert min(each.recall for each in rest) >= worst[-1][1].recall


def test_the_confusion_grid_counts_what_was_taken_for_what() -> None:
    figures = {
        name: ClassFigures(precision=0.5, recall=recall, f1=0.5, jaccard=0.5, support=support, predicted=5)
        for name, recall, support in (("a", 0.5, 10), ("b", 0.75, 4), ("c", 0.0, 0))
    }
    pairs = (Confused(label="a", predicted="b", count=4), Confused(label="b", predicted="a", count=1))
    made = result("knn", 0.5, per_class=figures, confusion=pairs)
    assert involved_classes(made) == ["a", "b"]
    texts = [text.get_text() for text in confusion_figure(made).axes[0].texts]
    assert texts == ["5", "4", "1", "3"]
    assert len(involved_classes(fusion())) <= 16


def test_results_group_by_what_they_are_over() -> None:
    groups = group_results(named(a=fusion(), b=fusion(SPECIES[:90]), c=knn(), d=reid()))
    assert [[each.label for each in group.results] for group in groups] == [["a", "c"], ["b"], ["d"]]
    fewer = knn(n={"train": 1, "val": 1, "test": 200})
    assert len(group_results(named(a=knn(), b=fewer))) == 2
    assert [line.label for line in cmc_lines(groups[2])] == ["d"]


def test_labels_tell_files_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_result(reid(), tmp_path / folder / "r.json")
    files = [tmp_path / "x" / "r.json", tmp_path / "y" / "r.json", tmp_path / "x" / "r.json"]
    assert [each.label for each in read_results(files)] == ["x/r", "y/r"]


def test_the_overview_has_at_most_six_panels() -> None:
    assert len(overview_figure(group_results(named(a=zeroshot(), b=fusion(), c=reid())), "t").axes) == 6
    assert len(overview_figure(group_results(named(c=reid())), "t").axes) == 2


def test_the_table_of_a_sweep_begins_with_the_best_and_has_the_chosen() -> None:
    made = [
        SweepPoint(settings={"k": k}, role="val", metrics=plain(0.9 - k / 100), chosen=float(k == 40))
        for k in range(1, 41)
    ]
    table = sweep_table(made, "t")
    assert [row[0] for row in table.rows] == [*(f"k {k}" for k in range(1, 13)), "k 40"]
    assert [row[1] for row in table.rows if row[1]] == ["100 %"]
    assert "best 12 of 40" in table.note


def test_numbers_are_written_as_in_tables() -> None:
    assert figure_of("top_1", Metric(value=0.594, ci95=(0.586, 0.602), sd_draws=0.003)) == "59.4 [58.6, 60.2] ±0.3"
    assert figure_of("top_1", Metric(value=0.594, sd_seeds=0.01)) == "59.4 (seeds ±1.0)"
    assert number("nll", 1.23456) == "1.235"
    assert number("top_1", -0.0001) == "0.0"
    assert "\N{NO-BREAK SPACE}" in origin(reid())


@given(st.text(max_size=80), st.integers(5, 60))
def test_short_names_keep_their_ends(text: str, longest: int) -> None:
    line = shortened(text, longest)
    assert len(line) <= longest
    assert line == " ".join(text.split()) or (line[0] == text.split(maxsplit=1)[0][0] and "…" in line)
