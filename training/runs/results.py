"""Results of evaluations by version of a recipe, a table for each backbone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.results.files import read_result
from eval.views.wording import NOT_PERCENT, metric_name
from retrieval.encoders.artefact import INSIDE, open_folder
from retrieval.errors import VitrineError
from retrieval.files import write_atomically
from training.runs.run_folders import natural

if TYPE_CHECKING:
    from eval.results.schema import EvalResult
    from retrieval.types import SpaceInfo
    from training.runs.run_folders import TrainingRun

RESULTS = "results"
"""Folder of a run with the results of its evaluations."""

METRICS = ("rank_1", "rank_5", "rank_10", "mean_ap", "mean_inp", "top_1", "top_5", "balanced_accuracy", "macro_f1",
           "macro_jaccard", "nll", "ece", "eer", "auc")  # fmt: skip
"""Metrics of the tables, in this order; those that no result has are left out."""

HEADER = ("model_version", "remarks", "run", "state", "best_val_score", "evaluation", "space")
ABSENT = "not trained with this backbone"
UNKNOWN = "unknown"
"""Name of the backbone of runs that do not say it."""


class RunResult(NamedTuple):
    """A result of a run: which evaluation it is, of which space, and the metrics, as fractions."""

    evaluation: str
    space: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a recipe for one backbone; ``run`` is None where it was not trained with it."""

    version: str
    run: TrainingRun | None
    result: RunResult | None = None


def results_of(
    run: TrainingRun, stored: Sequence[EvalResult] = (), spaces: Sequence[SpaceInfo] = ()
) -> list[RunResult]:
    """The results of a run: the files in its folder ``results``, and those in the store of its own space.

    A file that is no result is left out.

    Args:
        run: the run.
        stored: the results of a store.
        spaces: the spaces of that store.
    """
    results: dict[str, RunResult] = {}
    for path in sorted((run.path / RESULTS).rglob("*.json")):
        try:
            results[str(path)] = _summary(read_result(path))
        except VitrineError:
            continue
    made = _spaces_of(run, spaces)
    for result in stored:
        if result.provenance.space_fingerprint in made:
            results.setdefault(result.to_json(), _summary(result))
    unique = {(one.evaluation, one.space, tuple(one.metrics.items())): one for one in results.values()}
    return list(unique.values())


def version_rows(
    runs: Sequence[TrainingRun], results: Mapping[Path, Sequence[RunResult]]
) -> dict[str, list[VersionRow]]:
    """Rows by backbone: every version of its jobs that any backbone has, in natural order, with runs and results.

    Runs that ended before their first validation trained nothing, and are left out.
    """
    runs = [run for run in runs if run.history or run.state not in ("failed", "interrupted")]
    backbones = sorted({run.backbone or UNKNOWN for run in runs})
    rows: dict[str, list[VersionRow]] = {}
    for backbone in backbones:
        of_backbone = [run for run in runs if (run.backbone or UNKNOWN) == backbone]
        jobs = {run.job for run in of_backbone}
        versions = sorted({run.version for run in runs if run.version is not None and run.job in jobs}, key=natural)
        listed = rows[backbone] = []
        for version in versions:
            trained = [run for run in of_backbone if run.version == version]
            absent = [] if backbone == UNKNOWN else [VersionRow(version, None)]
            listed += _rows(trained, results) or absent
        listed += _rows([run for run in of_backbone if run.version is None], results)
    return rows


def _rows(runs: Sequence[TrainingRun], results: Mapping[Path, Sequence[RunResult]]) -> list[VersionRow]:
    return [VersionRow(run.version or "", run, result) for run in runs for result in (results.get(run.path) or (None,))]


def row_cells(rows: Sequence[VersionRow]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the rows of a backbone; fractions are percentages, as in the reports."""
    names = [name for name in METRICS if any(row.result and name in row.result.metrics for row in rows)]
    header = [*HEADER, *(metric_name(name) for name in names)]
    cells = []
    for row in rows:
        run, result = row.run, row.result
        if run is None:
            cells.append([row.version, ABSENT, *[""] * (len(header) - 2)])
            continue
        score = "" if run.best_score is None else f"{run.best_score:.4f}"
        about = [row.version, run.remarks, run.name, run.state, score]
        if result is None:
            cells.append([*about, *[""] * (len(header) - len(about))])
            continue
        values = [_written(name, result.metrics.get(name)) for name in names]
        cells.append([*about, result.evaluation, result.space, *values])
    return header, cells


def result_cells(rows: Sequence[VersionRow]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the rows that have a result: version, run, evaluation, space, metrics."""
    header, cells = row_cells([row for row in rows if row.result is not None])
    chosen = [at for at, name in enumerate(header) if name not in ("remarks", "state", "best_val_score")]
    return [header[at].replace("_", " ") for at in chosen], [[line[at] for at in chosen] for line in cells]


def write_csv_files(rows: Mapping[str, Sequence[VersionRow]], path: Path) -> list[Path]:
    """Write a CSV for each backbone: to ``path`` itself if there is one, else with the backbone in the file's name."""
    written = []
    for backbone, listed in rows.items():
        slug = re.sub(r"[^\w.-]+", "-", backbone)
        place = path if len(rows) == 1 else path.with_name(f"{path.stem}-{slug}{path.suffix or '.csv'}")
        text = io.StringIO()
        header, cells = row_cells(listed)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([header, *cells])
        write_atomically(place, text.getvalue(), "name another file with `csv`")
        written.append(place)
    return written


def _summary(result: EvalResult) -> RunResult:
    aspect = result.config.get("aspect")
    words = [
        result.mode,
        *([result.protocol] if result.task != "classification" else []),
        *([aspect] if aspect else []),
    ]
    metrics = {name: metric.value for name, metric in result.metrics.items()}
    return RunResult(" ".join(map(str, words)), result.provenance.space, metrics)


def _spaces_of(run: TrainingRun, spaces: Sequence[SpaceInfo]) -> set[str]:
    """Fingerprints of those spaces that the encoder of a run made."""
    if not spaces or not (run.path / INSIDE).is_dir():
        return set()
    try:
        digest = open_folder(run.path / INSIDE).digest
    except VitrineError:
        return set()
    return {space.fingerprint for space in spaces if space.spec.weights_digest == digest}


def _written(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if name in NOT_PERCENT else f"{100 * value:.2f}"
