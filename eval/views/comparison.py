"""Tables of a paired comparison of two evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.results.schema import Metric
from eval.views.classification_tables import _around, _plain, figure
from eval.views.ranking_tables import metric_title, p_text
from eval.views.wording import protocol_name

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from eval.runs.compare_classification import ClassificationComparison
    from eval.runs.compare_ranking import RankingComparison


def comparison_table(found: RankingComparison) -> Table:
    """A row per metric: A, B, the difference with its interval, p-value, and in how many draws B is higher."""
    from rich.table import Table

    from eval.views.ranking_tables import metric_title, p_text, percent

    table = Table(
        title=f"A {found.a}\nB {found.b}\n{_measured(found)}",
        caption=_caption(found),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("")
    for name in ("A", "B", "B - A", "p", "draws up/equal/down"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, (a, b) in found.values.items():
        apart = found.differences[name]
        draws = f"{apart.draws_up}/{apart.draws_equal}/{apart.draws_down}"
        table.add_row(
            metric_title(name), f"{100 * a:.1f}", f"{100 * b:.1f}", percent(apart.metric), p_text(apart.p_value), draws
        )
    return table


def _measured(found: RankingComparison) -> str:
    """What both were measured on; the split sets of several parts have too many names for a line."""
    parts = f"mean of {len(found.parts)} parts" if found.parts else found.split_set.partition("@")[0]
    protocol = protocol_name(found.protocol, found.departs_from)
    return f"{found.mode} · {protocol} · {parts} · split set {found.split_sha256[:12]}"


def _caption(found: RankingComparison) -> str:
    from eval.views.ranking_tables import p_text

    ways = f"[95 % by paired bootstrap over {found.n['identities']} identities], p by exchanging A and B per identity"
    lines = [f"percent, {ways} ({found.resamples} times each), seed {found.seed}"]
    if found.mcnemar is not None:
        test = found.mcnemar
        mean = [round(sum(counts) / len(counts), 1) for counts in (test.only_a, test.only_b)]
        over = f", means over {len(test.p_values)} draws; p is twice their mean" if len(test.p_values) > 1 else ""
        lines.append(
            f"McNemar on Rank-1: only A right {mean[0]:g}, only B right {mean[1]:g} of {found.n['query']:g} queries, "
            f"p {p_text(test.p_value)} (takes queries for independent{over})"
        )
    return "\n".join(lines)


def class_comparison(found: ClassificationComparison) -> Group:
    """A row per metric: A, B, the difference with its interval, and its p-value."""
    table = _plain()
    table.add_column("")
    for name in ("A", "B", "B - A", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, (a, b) in found.values.items():
        apart = found.differences[name]
        pair = [figure(name, Metric(value=value)) for value in (a, b)]
        table.add_row(metric_title(name), *pair, figure(name, apart.metric), p_text(apart.p_value))
    test = found.mcnemar
    assert test is not None  # noqa: S101 - top-1 is always there
    units = "groups" if found.by == "group" else "images within classes"
    mean = [round(sum(counts) / len(counts), 1) for counts in (test.only_a, test.only_b)]
    caption = (
        f"percent (nll and brier as they are), [95 % by paired bootstrap over {units}], p by exchanging A and B "
        f"({found.resamples} times each), seed {found.seed}\n"
        f"McNemar on top-1: only A right {mean[0]:g}, only B right {mean[1]:g} of {found.n['test']:g} test images, p "
        f"{p_text(test.p_value)}"
    )
    split = f"{found.split_set.partition('@')[0]} · {found.classes} labels"
    return _around(f"A {found.a}\nB {found.b}\n{split}", table, caption)
