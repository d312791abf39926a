"""Pictures of sweeps."""

from __future__ import annotations

import pytest

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
from eval.results.schema import Choice, SweepPoint
from tests.support.drawn_results import (
    ALPHAS,
    TEMPERATURES,
    fewshot,
    fusion,
    plain,
    shots_and_alpha,
    zeroshot,
)  # fmt: skip


def points(made: object) -> list[SweepPoint]:
    (found,) = sweep_groups(made).values()  # type: ignore[arg-type]
    return found


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
    made = fusion(chosen=Choice(settings=three, criterion="top_1", on="val"))
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
    assert "15,616 val samples" in words
    assert "test samples" not in words
    assert len(figure.axes) == 4
    tested = sweep_figure(fewshot(), points(fewshot()), "shots", "t")
    assert "on test" in " ".join(text.get_text() for text in tested.texts)


def test_grids_frame_the_best_cell() -> None:
    made = points(shots_and_alpha())
    figure = settings_grid_figure(shots_and_alpha(), made, "shots", "alpha", "top_1", "t")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 44
    (frame,) = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    row, column = round(frame.get_y() + 0.46), round(frame.get_x() + 0.47)  # type: ignore[attr-defined]
    best = best_point(made, "top_1")
    assert ((1, 2, 5, 10)[row], ALPHAS[column]) == (best.settings["shots"], best.settings["alpha"])
    grid = metric_grid_figure(fusion(), points(fusion()), "alpha", "t")
    assert len(grid.axes[0].texts) == 11 * 6
    assert len([patch for patch in grid.axes[0].patches if not patch.get_fill()]) == 6


def test_overlays_take_the_best_line_of_each_result() -> None:
    worse = [point.model_copy(update={"metrics": plain(0.1)}) for point in points(zeroshot())[:8]]
    lines = overlay_lines({"a": points(zeroshot()), "b": worse}, "temperature", "top_1")
    assert [line.label for line in lines] == ["a", "b"]
    assert max(lines[0].y) == pytest.approx(28.0)
    assert max(lines[1].y) == pytest.approx(10.0)
