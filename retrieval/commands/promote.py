"""The command ``promote``."""

from __future__ import annotations

import click

from retrieval.commands.options import json_option, note, print_json, print_line, store_option


@click.command("promote")
@click.argument("space")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait for another writer."
)
@store_option
@json_option
def promote_command(space: str, wait: float, store: str, as_json: bool) -> None:  # noqa: FBT001
    """Make SPACE (its name, or the beginning of it) the default, which commands without --space take.

    The space that was the default before stays; drop-space erases it. Example: promote clip-adapter@3f9a
    """
    from retrieval.store.open import open_store
    from retrieval.store.promote import PromoteRequest, promote

    request = PromoteRequest.read({"space": space, "wait": wait}, "promote")
    report = promote(open_store(store), request, note)
    if as_json:
        print_json(report.to_dict())
        return
    before = f" The default before, {report.before}, stays until drop-space." if report.before else ""
    print_line(f"{report.space} is the default space now.{'' if report.before == report.space else before}")
