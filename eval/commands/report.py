"""The command ``report``, which writes a report about result files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from retrieval.commands.options import json_option, note, print_json, print_line


@click.command("report")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the report.")
@click.option("--title", default="Evaluation report", show_default=True, help="Title of the report.")
@click.option(
    "--store",
    metavar="DIR",
    help="Store of the results: pairs the best with others where the files cannot, as 'compare' does.",
)
@json_option
def report_command(
    results: tuple[Path, ...],
    out: Path,
    title: str,
    store: str | None,
    as_json: bool,  # noqa: FBT001 - Click passes flags by name
) -> None:
    """Write results as report.md, report.html (one file, works offline and in print), figures and thumbnails.

    It begins with a summary: what was measured, which result is best by how much, and what to be careful about.

    RESULT are files that 'eval --out' wrote; what it wrote beside them (predictions, wrong answers with thumbnails) is
    shown too. A store is read only with --store. Results over different classes or samples never share a table.
    Example: report zeroshot.json fusion.json --out report
    """
    from eval.report.page import write_report
    from eval.runs.compare import compare_results
    from retrieval.store.open import open_store

    pair = None if store is None else partial(compare_results, open_store(store))
    files = write_report(results, out, title, pair)
    for warning in files.warnings:
        note(f"Warning: {warning}")
    if as_json:
        print_json(
            {
                "markdown": str(files.markdown),
                "html": str(files.html),
                "pictures": [str(path) for path in files.pictures],
                "warnings": list(files.warnings),
                "summary": list(files.summary),
            }
        )
    else:
        print_line(f"{files.html} and {files.markdown.name}, {len(files.pictures)} pictures")
