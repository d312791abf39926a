"""Tables of a paired comparison of two evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.wording import count_words, metric_name, metric_number, metric_words, p_value, protocol_name
from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eval.runs.compare_classification import ClassificationComparison
    from eval.runs.compare_ranking import RankingComparison
    from eval.statistics.paired_comparison import Comparison
    from eval.statistics.paired_tests import McNemar


def ranking_comparison_tables(comparison: RankingComparison) -> Iterator[FittedTable]:
    """One row per metric: A, B, their difference with its interval, p-value, and draws in which B is higher."""
    title = f"A {comparison.a}\nB {comparison.b}\n{_basis(comparison)}"
    table = FittedTable(title, _ranking_caption(comparison))
    _add_columns(table, "A", "B", "B - A", "p", "draws up/equal/down")
    for name in comparison.values:
        difference = comparison.differences[name]
        draws = f"{difference.draws_up}/{difference.draws_equal}/{difference.draws_down}"
        table.add_row(*_row(comparison, name), draws)
    yield table


def classification_comparison_tables(comparison: ClassificationComparison) -> Iterator[FittedTable]:
    """One row per metric: A, B, their difference with its interval, and its p-value; then one per slice of objects."""
    split = f"{comparison.split_set.partition('@')[0]} · {comparison.classes} labels"
    table = FittedTable(f"A {comparison.a}\nB {comparison.b}\n{split}", _classification_caption(comparison))
    _add_columns(table, "A", "B", "B - A", "p")
    for name in comparison.values:
        table.add_row(*_row(comparison, name))
    yield table
    if comparison.slices:
        yield _slices_table(comparison)


def _slices_table(comparison: ClassificationComparison) -> FittedTable:
    """One row per slice of objects: top-1 of A and B, and their differences in it and in balanced accuracy."""
    table = FittedTable("Objects and conditions", "percent, top-1 (of a condition its recall); p is of top-1")
    _add_columns(table, "A", "B", "B - A", "p", "balanced B - A")
    table.add_column("n", "number")
    for name, part in comparison.slices.items():
        a, b = (metric_number("top_1", value) for value in part.values["top_1"])
        first, balanced = (part.differences[metric] for metric in ("top_1", "balanced_accuracy"))
        changes = [metric_words("top_1", one.metric, sign=True) for one in (first, balanced)]
        table.add_row(name, a, b, changes[0], p_value(first.p_value), changes[1], count_words(part.n))
    return table


def _add_columns(table: FittedTable, *names: str) -> None:
    """Add an unnamed column for the metrics, then columns of numbers."""
    table.add_column()
    for name in names:
        table.add_column(name, "metric")


def _row(comparison: Comparison, name: str) -> tuple[str, ...]:
    """Cells of one metric: its name, A, B, the difference and its p-value."""
    a, b = (metric_number(name, value) for value in comparison.values[name])
    difference = comparison.differences[name]
    change = metric_words(name, difference.metric, sign=True)
    return metric_name(name), a, b, change, p_value(difference.p_value)


def _basis(comparison: RankingComparison) -> str:
    """What both evaluations were measured on; several parts are counted, as their split sets have too many names."""
    parts = f"mean of {len(comparison.parts)} parts" if comparison.parts else comparison.split_set.partition("@")[0]
    protocol = protocol_name(comparison.protocol, comparison.departs_from)
    return f"{comparison.mode} · {protocol} · {parts} · split set {comparison.split_sha256[:12]}"


def _ranking_caption(comparison: RankingComparison) -> str:
    n = comparison.n
    methods = f"[95 %] and p by exchanging A and B per identity, of {n['identities']}"
    lines = [f"percent, {methods} ({comparison.resamples} times), seed {comparison.seed}"]
    test = comparison.mcnemar
    if test is not None:
        draws = len(test.p_values)
        over = f", means over {draws} draws; p is twice their mean" if draws > 1 else ""
        lines.append(
            f"McNemar on Rank-1: {_only_right(test)} of {n['query']:g} queries, p {p_value(test.p_value)} "
            f"(takes queries for independent{over})"
        )
    return "\n".join(lines)


def _classification_caption(comparison: ClassificationComparison) -> str:
    test = comparison.mcnemar
    assert test is not None  # noqa: S101 - every classification has top-1
    unit = "group" if comparison.by == "group" else "sample"
    return (
        f"percent (NLL and Brier as they are), [95 %] and p by exchanging A and B per {unit} "
        f"({comparison.resamples} times), seed {comparison.seed}\n"
        f"McNemar on top-1: {_only_right(test)} of {comparison.n['test']:g} test samples, p {p_value(test.p_value)} "
        "(takes samples for independent)"
    )


def _only_right(test: McNemar) -> str:
    """Mean counts over draws of the answers that only A, and only B, gets right."""
    a, b = (round(sum(counts) / len(counts), 1) for counts in (test.only_a, test.only_b))
    return f"only A right {a:g}, only B right {b:g}"
