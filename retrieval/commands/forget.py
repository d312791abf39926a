"""The commands ``forget``, ``drop-space`` and ``drop-bank``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from retrieval.commands.options import json_option, note, print_json, print_line, space_option, store_option

if TYPE_CHECKING:
    from retrieval.store.erasing.report import EraseReport
    from retrieval.store.erasing.request import EraseRequest
    from retrieval.store.open import LanceStore

F = TypeVar("F", bound=Callable[..., object])
R = TypeVar("R", bound="EraseRequest")

_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing."),
    click.option("--yes", is_flag=True, help="Erase without a question."),
    click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Seconds to wait for another writer, and for readers of what is erased.",
    ),
    store_option,
    json_option,
)


def _erasing_options(command: F) -> F:
    """Add the options that all three commands have."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("forget")
@click.option("--identity", multiple=True, help="All samples of an identity; may be given several times.")
@click.option(
    "--id",
    "sample_id",
    multiple=True,
    help="A sample: its id, the beginning of it, its path or the name of its file; may be given several times.",
)
@click.option("--where", metavar="SQL", help="All samples that meet this condition over their columns.")
@click.option("--finish", is_flag=True, help="Only finish an erasure that was stopped, and erase all old versions.")
@_erasing_options
def forget_command(
    identity: tuple[str, ...],
    sample_id: tuple[str, ...],
    where: str | None,
    finish: bool,  # noqa: FBT001 - Click passes flags by name
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    wait: float,
    store: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Erase samples from every file of a store: rows, vectors, thumbnails, caches, indexes, old versions.

    Split sets and results are written again without their names. Afterwards every file is searched for what was erased.
    Image files are not touched; index leaves forgotten images out. Example: forget --identity 0000012 --dry-run
    """
    from retrieval.store.erasing.forget import forget
    from retrieval.store.erasing.request import ForgetRequest

    if sum([bool(identity), bool(sample_id), where is not None, finish]) != 1:
        raise click.UsageError("Say what to forget: one of --identity, --id and --where, or --finish.")
    chosen = {"identity": identity, "id": sample_id, "where": where, "finish": finish}
    request = ForgetRequest.read({**chosen, "wait": wait, "dry_run": dry_run, "quiet": as_json}, "forget")
    _erase(store, forget, request, yes=yes or finish, as_json=as_json)


@click.command("drop-space")
@click.argument("space")
@_erasing_options
def drop_space_command(
    space: str,
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    wait: float,
    store: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Erase SPACE (its name, or the beginning of it) with its vectors and banks. Results stay.

    Example: drop-space dinov2-base@3f9a --dry-run
    """
    from retrieval.store.erasing.drop import drop_space
    from retrieval.store.erasing.request import DropSpaceRequest

    request = DropSpaceRequest.read({"space": space, "wait": wait, "dry_run": dry_run}, "drop-space")
    _erase(store, drop_space, request, yes=yes, as_json=as_json)


@click.command("drop-bank")
@click.argument("bank")
@space_option
@_erasing_options
def drop_bank_command(
    bank: str,
    space: str | None,
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    wait: float,
    store: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Erase BANK (its name, or the beginning of its sha256). Results stay.

    Example: drop-bank prototypes --space clip
    """
    from retrieval.store.erasing.drop import drop_bank
    from retrieval.store.erasing.request import DropBankRequest

    request = DropBankRequest.read({"bank": bank, "space": space, "wait": wait, "dry_run": dry_run}, "drop-bank")
    _erase(store, drop_bank, request, yes=yes, as_json=as_json)


def _erase(
    store: str,
    function: Callable[[LanceStore, R, Callable[[str], None]], EraseReport],
    request: R,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what would be erased, unless ``yes``; ask, and erase."""
    from retrieval.store.open import open_store

    opened = open_store(store)
    if not request.dry_run and not yes:
        for line in function(opened, request.model_copy(update={"dry_run": True}), note).lines():
            note(line)
        if not sys.stdin.isatty():
            raise click.UsageError("Add --yes to erase it.")
        click.confirm("Erase it?", abort=True, err=True)
    report = function(opened, request, note)
    if as_json:
        print_json(report.to_dict())
    else:
        for line in report.lines():
            print_line(line)
    if not report.ok:
        raise click.exceptions.Exit(1)
