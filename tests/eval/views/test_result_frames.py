"""Sections of a result as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eval.views.result_frames import SECTIONS
from retrieval.errors import InputError, UnknownNameError
from tests.support.drawn_results import fusion

if TYPE_CHECKING:
    from tests.support.identity_stores import RankedStore


def test_metrics_of_the_whole_and_of_every_part(world: RankedStore) -> None:
    _, result = world
    rows = result.to_table().to_pylist()
    assert [row["metric"] for row in rows if row["part"] is None] == list(result.metrics)
    assert {row["part"] for row in rows} == {None, *(result.parts or {})}
    first = rows[0]
    assert (first["mode"], first["space"]) == ("reid", result.provenance.space)
    assert (first["value"], (first["ci_low"], first["ci_high"])) == (
        result.metrics["rank_1"].value,
        result.metrics["rank_1"].ci95,
    )


def test_draws_are_rows(world: RankedStore) -> None:
    rows = world[1].to_table("draws").to_pylist()
    assert [row["draw"] for row in rows if row["part"] is None] == [0, 1, 2]
    assert rows[1]["rank_1"] == world[1].draws[1]["rank_1"]


def test_sections_of_a_classification() -> None:
    result = fusion()
    classes = result.to_table("per_class").to_pylist()
    assert [row["label"] for row in classes] == list(result.per_class or {})
    sweep = result.to_table("sweep").to_pylist()
    assert len(sweep) == len(result.sweep or ())
    assert {row["alpha"] for row in sweep} >= {"0", "0.5", "1"}
    assert {row["arm"] for row in result.to_table("arms").to_pylist()} <= set(result.arms or {})


def test_what_a_result_does_not_have_is_said(world: RankedStore) -> None:
    with pytest.raises(UnknownNameError, match=r"No section of a result 'metric'\. Did you mean 'metrics'"):
        world[1].to_table("metric")
    with pytest.raises(InputError, match="A result of mode reid has no section 'sweep'; it has: metrics, draws"):
        world[1].to_table("sweep")
    assert "sweep" in SECTIONS


def test_a_result_shows_itself(world: RankedStore) -> None:
    shown, html = repr(world[1]), world[1]._repr_html_()
    assert "reid" in shown
    assert "Rank-1" in shown
    assert html.count("<table>") == 1
    assert "dorsal left</td>" in html
