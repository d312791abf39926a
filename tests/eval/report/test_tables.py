"""Tables of the report."""

from __future__ import annotations

from eval.report.tables import sweep_table
from eval.results.schema import SweepPoint
from tests.support.drawn_results import (
    plain,
)  # fmt: skip


def test_the_table_of_a_sweep_begins_with_the_best_and_has_the_chosen() -> None:
    made = [
        SweepPoint(settings={"k": k}, role="val", metrics=plain(0.9 - k / 100), chosen=float(k == 40))
        for k in range(1, 41)
    ]
    table = sweep_table(made, "t")
    assert [row[0] for row in table.rows] == [*(f"k {k}" for k in range(1, 13)), "k 40"]
    assert [row[1] for row in table.rows if row[1]] == ["100 %"]
    assert "best 12 of 40" in table.note
