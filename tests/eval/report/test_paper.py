"""Tables of results for a paper."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO

import pytest

from eval.report.paper import latex_text, paper_tables, to_csv, to_latex, to_markdown
from eval.results.listing import ResultEntry
from eval.results.schema import EvalResult, Metric, Part
from tests.support.drawn_results import fusion, knn, reid, verification


def entries(*results: EvalResult) -> list[ResultEntry]:
    return [ResultEntry(f"{at}eb7196a", f"{at}" * 64, result) for at, result in enumerate(results)]


def test_csv_has_every_metric_of_the_whole_and_of_parts_with_all_digits() -> None:
    third = Metric(value=1 / 3, ci95=(0.1, 2 / 3), sd_draws=0.1 + 0.2)
    result = reid(
        metrics={"rank_1": third}, parts={"dorsal left": {"metrics": {"rank_1": third}, "draws": (), "n": {}}}
    )
    rows = list(csv.DictReader(StringIO(to_csv(entries(result, fusion())))))
    assert [row["part"] for row in rows[:3]] == ["", "dorsal left", ""]
    assert {row["metric"] for row in rows if row["id"] == "1eb7196a"} == set(fusion().metrics)
    first = rows[0]
    assert [float(first[name]) for name in ("value", "ci95_low", "ci95_high", "sd_draws")] == [
        1 / 3,
        0.1,
        2 / 3,
        0.1 + 0.2,
    ]
    assert first["sd_seeds"] == ""
    assert (first["space"], rows[2]["space"], rows[2]["bank"]) == (
        "vit@3",
        "clip@1 + resnet@2",
        "delta_prompts + classifier",
    )


def test_csv_gives_a_spreadsheet_nothing_to_compute() -> None:
    result = reid(protocol="=cmd()", mode="re,id\n")
    (row, *_) = csv.DictReader(StringIO(to_csv(entries(result))))
    assert (row["protocol"], row["mode"]) == ("'=cmd()", "re,id\n")


def test_results_over_other_samples_or_classes_have_a_table_of_their_own() -> None:
    other = knn(provenance=knn().provenance.model_copy(update={"split_sha256": "9" * 64}))
    tables = list(paper_tables(entries(fusion(), reid(), knn(), other, verification())))
    assert [len(table.rows) for table in tables] == [2, 1, 1, 1]
    first = tables[0]
    assert first.columns == ("mode", "space", "top-1", "top-5", "balanced accuracy", "macro-F1")
    assert first.rows[0][:3] == ("fusion", "clip@1 + resnet@2", "59.4 [58.6, 60.2]")
    assert first.caption.startswith("Classification: protocol splits, 15,614 test samples, 169 classes, split set 5555")
    assert "space vit@3, 971 queries, 71 in the gallery, 71 identities" in tables[1].caption
    assert "EER (lower is better)" in tables[3].columns


def test_a_metric_that_a_result_lacks_is_an_empty_cell() -> None:
    few = reid(metrics={"rank_1": Metric(value=0.5)})
    (table,) = paper_tables(entries(few, reid(protocol="other")))
    assert table.rows[0] == ("reid", "clipfh-11k", "50.0", "", "", "")


def test_rows_are_told_apart_by_their_options_and_else_by_ids() -> None:
    trapezoid = reid(config={"ap_method": "trapezoid"})
    (table,) = paper_tables(entries(reid(), trapezoid))
    assert table.columns[:3] == ("mode", "options", "Rank-1")
    assert [row[1] for row in table.rows] == ["ap_method=step", "ap_method=trapezoid"]
    (table,) = paper_tables(entries(reid(), reid(metrics={"rank_1": Metric(value=0.5)})))
    assert table.columns[:2] == ("mode", "result")
    assert [row[1] for row in table.rows] == ["0eb7196a", "1eb7196a"]


def test_galleries_that_differ_in_one_split_set_have_tables_and_labels_of_their_own() -> None:
    n = {"query": 5, "gallery": 12, "identities": 5}
    parts = [{"dorsal left": Part(metrics={}, draws=(), n={**n, "gallery": size})} for size in (12, 48)]
    tables = list(paper_tables(entries(*(reid(parts=of_result) for of_result in parts))))
    assert [table.label for table in tables] == ["ranking-66666666", "ranking-66666666-2"]
    assert "48 gallery samples in 1 part, " in tables[1].caption


def test_csv_has_the_options_and_the_setting() -> None:
    rows = list(csv.DictReader(StringIO(to_csv(entries(knn(), fusion())))))
    assert json.loads(rows[0]["options"]) == {
        "views": ["base"], "criterion": "top_1", "macro_over": "present", "bins": 15
    }  # fmt: skip
    assert (rows[0]["setting"], rows[-1]["setting"]) == ("", "\N{GREEK SMALL LETTER ALPHA} 0.6")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 50 % #1 {x} $y$", r"a\_b \& 50 \% \#1 \{x\} \$y\$"),
        ("~^\\<>|", r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\textgreater{}\textbar{}"),
        ("59.4 ±0.3 ≤ 1 · x", r"59.4 $\pm$0.3 $\leq$ 1 $\cdot$ x"),
        ('--rerank "q"', "-{}-rerank ''q''"),
        ("two\nlines\x1b", r"two lines\textbackslash{}x1b"),
        ("Größe", "Größe"),
    ],
)
def test_latex_shows_texts_literally(text: str, latex: str) -> None:
    assert latex_text(text) == latex


def test_latex_is_balanced_and_has_as_many_cells_as_columns() -> None:
    text = to_latex(entries(reid(protocol="my_protocol & 50 %"), fusion()))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert text.count("{") == text.count("}")
    (align, *_) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.split(r"\bottomrule")[0].splitlines() if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(align)}
    assert r"my\_protocol \& 50 \%" in text
    assert r"\label{tab:ranking-66666666}" in text


def test_markdown_escapes_what_it_would_read() -> None:
    text = to_markdown(entries(reid(mode="a|b", protocol="*x*")))
    head, rule, row = text.splitlines()[:3]
    assert head.startswith("| mode | Rank-1 |")
    assert rule == "| --- | ---: | ---: | ---: | ---: |"
    assert row.startswith(r"| a\|b | 74.6")
    assert r"\*x\*" in text
