"""The command ``export-vectors``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from retrieval.commands.options import (
    json_option,
    note,
    print_json,
    print_line,
    space_option,
    store_option,
    where_option,
)


@click.command("export-vectors")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, .npz or .parquet; or a folder, as clip-retrieval has it.",
)
@click.option(
    "--format",
    type=click.Choice(["npz", "parquet", "clip-retrieval"]),
    help="Format, if the name of the file does not say it.",
)
@click.option("--view", default="base", show_default=True, help="View of the space.")
@click.option("--bank", metavar="NAME", help="Export this bank (prompts, prototypes, a classifier) instead of samples.")
@click.option(
    "--projection",
    type=click.Choice(["pca"]),
    help="Add projection_x and projection_y, the first two principal components.",
)
@click.option("--thumbnails", is_flag=True, help="Parquet: add the thumbnails, for viewers such as embedding-atlas.")
@click.option("--force", is_flag=True, help="Replace an existing file or folder.")
@where_option
@store_option
@space_option
@json_option
def export_command(store: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Write the vectors of a space with ids, labels, identities and splits to a file that numpy and pandas read.

    'import-vectors' reads such a file again, equal to the bit. Example: export-vectors --where "split = 'train'"
    --out train.npz
    """
    from retrieval.export.job import export
    from retrieval.export.request import ExportRequest
    from retrieval.store.open import open_store

    request = ExportRequest.read({**options, "quiet": as_json}, "export-vectors")
    report = export(open_store(store), request)
    for line in report.notes:
        note(line)
    if as_json:
        print_json(report.to_dict())
        return
    beside = f" with {', '.join(report.columns)}" if report.columns else ""
    print_line(
        f"{report.out}: {report.vectors:,} vectors of {report.dimension} numbers of space {report.space}{beside}; "
        f"{report.bytes / 1e6:,.1f} MB"
    )
