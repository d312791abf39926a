"""A page in Markdown about runs: what was trained, and the results by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from retrieval.escapes import printable
from training.runs.results import VersionRow, row_cells
from training.runs.tables import COLUMNS, run_cells

if TYPE_CHECKING:
    from training.runs.run_folders import TrainingRun

NOTE = (
    "Written by `vitrine runs --markdown` from the folders of the runs. Metrics of evaluations are percentages. The "
    "best score is of held-out samples; it is the best of all epochs, so a little flattering."
)


def results_page(runs: Sequence[TrainingRun], rows: Mapping[str, Sequence[VersionRow]]) -> str:
    """Write the page."""
    parts = ["# Training runs", NOTE, _markdown([name for name, _ in COLUMNS], [list(run_cells(run)) for run in runs])]
    problems = [f"- {_cell(run.name)}: {_cell(run.problem)}" for run in runs if run.problem]
    parts += ["\n".join(problems)] if problems else []
    for backbone, listed in rows.items():
        parts += [f"## {_cell(backbone)}", _markdown(*row_cells(listed))]
    return "\n\n".join(parts) + "\n"


def _markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str | None) -> str:
    return printable(" ".join((text or "").split())).replace("|", r"\|").replace("<", "&lt;")
