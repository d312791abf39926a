"""The command ``export-encoder``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from retrieval.commands.options import json_option, note, print_json, print_line, print_tables, store_option


@click.command("export-encoder")
@click.argument("space")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write, .onnx.")
@click.option("--fp16", "halved", is_flag=True, help="Weights of half precision, computed with in fp32.")
@click.option("--int8", "quantised", is_flag=True, help="Whole numbers: a quarter of the size.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Images of the store that are compared with their stored vectors.",
)
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@store_option
@json_option
def export_encoder_command(
    store: str,
    halved: bool,  # noqa: FBT001 - Click passes flags by name
    quantised: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Write the image encoder of SPACE to an ONNX file, and say what it keeps of the stored vectors.

    The file runs by 'index --encoder onnx/FILE' without torch's weights; its preprocessing lies beside it. Images of
    the store are encoded by it and compared: cosines, nearest images, prototypes, speed. Example: export-encoder
    vitrine-tiny --out encoder.onnx --int8
    """
    from retrieval.export.encoder_job import export_encoder
    from retrieval.export.encoder_report import encoder_export_table
    from retrieval.export.encoder_request import EncoderExportRequest
    from retrieval.store.open import open_store

    if halved and quantised:
        raise click.UsageError("--fp16 and --int8 exclude each other; name one.")
    precision = "fp16" if halved else "int8" if quantised else "fp32"
    given = {**options, "precision": precision, "quiet": quiet or as_json}
    report = export_encoder(open_store(store), EncoderExportRequest.read(given, "export-encoder"))
    if as_json:
        print_json(report.to_dict())
    else:
        print_line(
            f"{report.out}: the image encoder of space {report.space} in {report.precision}, vectors of "
            f"{report.dimension} numbers; {Path(report.preprocess).name} beside it has its preprocessing."
        )
        print_tables([encoder_export_table(report)])
    for line in report.notes:
        note(line)
