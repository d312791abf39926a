"""What the refresh of every run compared, as tables: metrics before and after, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from eval.views.wording import COUNT_NAMES, count_words, metric_name, metric_number, protocol_name, with_interval

if TYPE_CHECKING:
    from training.runs.run_folders import TrainingRun

SHOWN = ("top_1", "macro_f1", "nll", "rank_1", "rank_5", "rank_10", "mean_ap", "eer", "auc")
"""Metrics of the tables, in this order; of a comparison that has none of them, all."""

HEADER = ("run", "metric", "before", "after", "difference [95 %]")


class ChangesTable(NamedTuple):
    """One evaluation of all runs that were compared by it.

    Attributes:
        title: the evaluation, what it was answered by before, and its samples.
        cells: a row for each metric of each run, in the order of :data:`HEADER`.
    """

    title: str
    cells: list[list[str]]


def changes_tables(runs: Sequence[TrainingRun]) -> list[ChangesTable]:
    """Return a table for each evaluation by which some run was compared; differences in bold leave out 0."""
    tables: dict[str, ChangesTable] = {}
    for run in runs:
        for one in run.changes.get("comparisons", ()):
            table = tables.setdefault(f"{_title(one)} {one['split_sha256']}", ChangesTable(_title(one), []))
            names = [name for name in SHOWN if name in one["metrics"]] or list(one["metrics"])
            table.cells.extend(_row(run.name, name, one["metrics"][name]) for name in names)
    return list(tables.values())


def changes_notes(runs: Sequence[TrainingRun]) -> list[str]:
    """Return what else is to be said of the comparisons: warnings, and how many neighbours samples kept."""
    notes = []
    for run in runs:
        said = [str(text) for one in run.changes.get("comparisons", ()) for text in one.get("warnings") or ()]
        notes += [f"{run.name}: {text}" for text in dict.fromkeys(said)]
        kept = run.changes.get("neighbours") or {}
        if {"overlap", "k", "samples", "of"} <= kept.keys():
            used = f", of which the training used {kept['trained']:,} (train or val)" if kept.get("trained") else ""
            notes.append(
                f"{run.name}: {100 * kept['overlap']:.1f} % of the {kept['k']} nearest neighbours are the same as "
                f"before, mean over {kept['samples']:,} {kept['of']}{used}."
            )
    return notes


def _row(run: str, name: str, metric: Mapping[str, Any]) -> list[str]:
    ends = metric.get("ci95")
    change = with_interval(name, metric["difference"], ends, sign=True)
    if ends is not None and (ends[0] > 0 or ends[1] < 0):
        change = f"**{change}**"
    return [run, metric_name(name), metric_number(name, metric["a"]), metric_number(name, metric["b"]), change]


def _title(one: Mapping[str, Any]) -> str:
    """Say what answered before, of which samples, and how differences are paired."""
    if one["task"] == "classification":
        split, unit = str(one["split_set"]).partition("@")[0], "group" if one.get("by") == "group" else "sample"
        samples = f"{one.get('classes')} labels, {_counts(one['n'])} ({split})"
        return f"Before: `{one['a']}`. {samples}; intervals of paired differences, by {unit}."
    protocol = protocol_name(str(one.get("protocol")), one.get("departs_from"))
    parts = f", mean of {len(one['parts'])} parts" if one.get("parts") else ""
    samples = f"{protocol}{parts}, {_counts(one['n'])}"
    return f"Before: `{one.get('mode')}` in `{one['a']}`. {samples}; intervals of paired differences, by identity."


def _counts(n: Mapping[str, float]) -> str:
    return ", ".join(f"{count_words(value)} {COUNT_NAMES.get(name, name)}" for name, value in n.items())
