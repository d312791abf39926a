"""The command ``refresh``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from retrieval.commands.options import (
    PicturePath,
    device_option,
    json_option,
    max_pixels_option,
    note,
    print_json,
    print_line,
    print_tables,
    store_option,
)

PARTLY = 3
"""Exit status if images could not be embedded; all others were."""

SHOWN_FAILURES = 10


@click.command("refresh")
@click.option(
    "--checkpoint",
    required=True,
    metavar="RUN",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of a training run, or of the encoder in it.",
)
@click.option("--space", metavar="PARENT", help="Space whose samples get vectors; default: the one trained from.")
@click.option("--views", help="Views to store: base, or base,hflip; default: those of the other space.")
@click.option(
    "--evaluate",
    multiple=True,
    metavar="MODE[:KEY=VALUE]...",
    help="Evaluation of both spaces, such as reid:protocol=clipfh-11k; may be given several times. Default: what the "
    "training calls for.",
)
@click.option("--no-compare", "compare", flag_value=False, default=True, help="Do not compare the two spaces.")
@click.option(
    "--sheet",
    type=PicturePath(".png"),
    help="PNG of the images whose neighbours changed most, with these before and after.",
)
@click.option(
    "--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True,
    help="auto decides by device and CPU, once per space.",
)  # fmt: skip
@max_pixels_option("an image")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; default: one per core.")
@click.option(
    "--commit-seconds", type=click.FloatRange(min=0), default=20.0, show_default=True, help="Work a kill may cost."
)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait for another writer."
)
@store_option
@device_option
@json_option
def refresh_command(store: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - Click passes flags by name
    """Bring a trained encoder and its banks into a store, and say what changed.

    The samples of the space that was trained from get vectors in a space of the encoder; of a linear adapter no image
    is opened. The same command again computes only what is missing. Both spaces are compared then; promote makes the
    new one the default. Example: refresh --checkpoint runs/reid --store hands.vitrine --sheet moved.png
    """
    from training.refresh.request import RefreshRequest
    from training.refresh.run import refresh

    request = RefreshRequest.read({**options, "store": store, "quiet": as_json}, "refresh")
    report = refresh(request, note)
    if as_json:
        print_json(report.to_dict())
    else:
        for line in report.lines():
            print_line(line)
        print_tables(report.tables())
        if report.state == "complete":
            note(f"'promote {report.space}' makes it the default space.")
    for name, reason in list(report.failures.items())[: 0 if as_json else SHOWN_FAILURES]:
        note(f"not embedded: {name}: {reason}")
    if report.interrupted:
        note("Stopped; what is done is kept. Run the same command again to go on.")
        raise click.exceptions.Exit(1)
    if report.left_out:
        raise click.exceptions.Exit(PARTLY)
