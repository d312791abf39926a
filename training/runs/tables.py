"""The table of runs, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.fitted_table import FittedTable, Kind

if TYPE_CHECKING:
    from training.runs.run_folders import TrainingRun


def runs_table(runs: Sequence[TrainingRun]) -> FittedTable:
    """A row for each run; what is wrong with one stands below it."""
    table = FittedTable()
    for name, kind in COLUMNS:
        table.add_column(name, kind)
    for run in runs:
        table.add_row(*run_cells(run))
        if run.problem:
            table.add_detail(run.problem)
    return table


COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("run", "text"), ("job", "text"), ("version", "text"), ("space", "text"), ("epochs", "number"),
    ("best score", "number"), ("at", "number"), ("state", "text"), ("time", "number"), ("remarks", "prose"),
)  # fmt: skip


def run_cells(run: TrainingRun) -> tuple[str, ...]:
    """The cells of a run, in the order of :data:`COLUMNS`."""
    planned = "" if run.planned is None else f" of {run.planned:,}"
    return (
        run.name,
        run.job or "-",
        run.version or "-",
        run.space or "-",
        f"{run.epochs:,}{planned}",
        "-" if run.best_score is None else f"{run.best_score:.4f}",
        f"{run.best_epoch:,}" if run.best_epoch else "-",
        run.state,
        duration(run.seconds),
        run.remarks or "-",
    )


def duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
