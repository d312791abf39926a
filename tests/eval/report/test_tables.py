"""Tables of the report."""

from __future__ import annotations

from pathlib import Path

from eval.report.groups import LabelledResult, group_results
from eval.report.leads import Lead
from eval.report.tables import comparison_table, provenance_table, sweep_table
from eval.results.schema import SweepPoint
from tests.support.drawn_results import fusion, knn, plain, reid


def test_the_table_of_a_sweep_begins_with_the_best_and_has_the_chosen() -> None:
    made = [
        SweepPoint(settings={"k": k}, role="val", metrics=plain(0.9 - k / 100), chosen=float(k == 40))
        for k in range(1, 41)
    ]
    table = sweep_table(made, "t")
    assert [row[0] for row in table.rows] == [*(f"k {k}" for k in range(1, 13)), "k 40"]
    assert [row[1] for row in table.rows if row[1]] == ["100 %"]
    assert "best 12 of 40" in table.note


def test_the_comparison_begins_with_the_best_and_ends_with_guessing() -> None:
    results = [LabelledResult(name, Path(f"{name}.json"), made) for name, made in (("k", knn()), ("f", fusion()))]
    (group,) = group_results(results)
    table = comparison_table(group, [Lead("k", 0.124, (-0.01, 0.25), 0.1, paired=True)])
    assert table.columns[:4] == ("result", "top-1", "to the best", "top-5")
    assert [row[0] for row in table.rows] == ["f", "f: clip alone", "f: resnet alone", "k", "guessing"]
    assert table.best == 0
    assert [row[2] for row in table.rows] == ["", "", "", "-12.4 [-25.0, +1.0]", ""]
    assert table.rows[-1][1] == "0.6"
    assert table.details[0] == "fusion · splits · clip@1 + resnet@2"
    alone = comparison_table(group_results(results[:1])[0], [])
    assert alone.columns[:3] == ("result", "top-1", "top-5")
    assert alone.best is None


def test_guessing_has_a_number_where_it_is_that_of_all_results() -> None:
    made = {"step": reid(), "trapezoid": reid(config={"ap_method": "trapezoid"})}
    (group,) = group_results([LabelledResult(name, Path(f"{name}.json"), result) for name, result in made.items()])
    table = comparison_table(group, [])
    guessing = dict(zip(table.columns, table.rows[-1], strict=True))
    assert (guessing["mAP"], guessing["mINP"], guessing["Rank-1"]) == ("", "6.8", "1.4")
    assert "Guessing has no number where it is not the same for all results." in table.note
    (same,) = group_results([LabelledResult(name, Path(f"{name}.json"), reid()) for name in "ab"])
    assert "Guessing" not in comparison_table(same, []).note


def test_where_the_numbers_come_from() -> None:
    table = provenance_table(
        [LabelledResult("k", Path("folder/k.json"), knn()), LabelledResult("f", Path("f"), fusion())]
    )
    facts = {name: cells for name, *cells in table.rows}
    assert facts["file"] == ["k.json", "f"]
    assert facts["space"] == ["clip@1", "clip@1 + resnet@2"]
    assert {len(row) for row in table.rows} == {3}
    assert {"protocol", "split set", "its SHA-256", "seed", "store version", "Vitrine", "made"} <= set(facts)
