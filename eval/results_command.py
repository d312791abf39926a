"""The command ``results``: what was evaluated on a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from eval.commands import listed
from eval.registry import MODES
from retrieval.options import json_option, note, print_json, print_table, store_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from eval.result import EvalResult

SHORTEST = 8
"""Digits of an id, more where two results begin alike."""


class Kept(NamedTuple):
    """A stored result that can be read: ``id`` is the shortest beginning of ``sha256`` that no other has."""

    id: str
    sha256: str
    result: EvalResult


@click.group("results", invoke_without_command=True)
@click.option("--mode", callback=listed("mode", MODES), help="Only results of this mode.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Also write the result files here.")
@store_option
@json_option
@click.pass_context
def results_command(ctx: click.Context, mode: str | None, out: Path | None, store: str, as_json: bool) -> None:  # noqa: FBT001
    """List what was evaluated on a store, newest first.

    'results show ID' prints one of them as its result file. Example: results --mode fusion --out files
    """
    if ctx.invoked_subcommand is not None:
        return
    kept = [each for each in read_results(store) if mode in {None, each.result.mode}]
    if out is not None:
        _export(kept, out)
    if as_json:
        print_json([described(each) for each in kept])
    elif kept:
        print_table(results_table(kept))
    else:
        note(f"No results{f' of mode {mode}' if mode else ''} in the store yet; 'eval' keeps those it makes.")


@results_command.command("show")
@click.argument("id_", metavar="ID")
@click.option("--store", default=lambda: _of_group("store"), help="Folder of the store.", show_default=False)
def show_command(id_: str, store: str) -> None:
    """Print the result whose id begins with ID, as its result file (JSON)."""
    click.echo(find_result(read_results(store), id_).result.to_json(), nl=False)


def read_results(store: str) -> list[Kept]:
    """All results of a store that this version can read, newest first; others cost a sentence."""
    from eval.result import EvalResult
    from retrieval.errors import InputError
    from retrieval.store.open import open_store

    stored = open_store(store).results()
    kept = []
    for each, short in zip(stored, short_ids([one.sha256 for one in stored]), strict=True):
        try:
            kept.append(Kept(short, each.sha256, EvalResult.read(each.result, f"Result {short}")))
        except InputError as error:
            note(f"Left out: {error}")
    return kept


def short_ids(hashes: Sequence[str]) -> list[str]:
    """The beginnings of hashes, as short as tells them apart, at least :data:`SHORTEST` digits."""
    length = SHORTEST
    while len({each[:length] for each in hashes}) < len(set(hashes)):
        length += 1
    return [each[:length] for each in hashes]


def find_result(kept: Sequence[Kept], prefix: str) -> Kept:
    """The one result whose hash begins with ``prefix``.

    Raises:
        UnknownNameError: there is none.
        InputError: there are several.
    """
    from retrieval.errors import InputError, unknown

    found = [each for each in kept if prefix and each.sha256.startswith(prefix.lower())]
    if not found:
        raise unknown("result", prefix, [each.id for each in kept])
    if len(found) > 1:
        raise InputError(f"{len(found)} results begin with '{prefix}': {', '.join(each.id for each in found)}.")
    return found[0]


def described(kept: Kept) -> dict[str, Any]:
    """A result in few words, for ``--json``; the headline is its first metric, a fraction."""
    from eval.report.words import spaces_of
    from eval.rescoring import scoring_words

    result = kept.result
    first = next(iter(result.metrics.items()), None)
    return {
        "id": kept.id,
        "sha256": kept.sha256,
        "mode": result.mode,
        "protocol": result.protocol,
        "scoring": scoring_words(result.config),
        "spaces": list(spaces_of(result)),
        "label_universe": {"n": result.label_universe.n, "sha256": result.label_universe.sha256},
        "split_sha256": result.provenance.split_sha256,
        "headline": None if first is None else {"metric": first[0], **first[1].model_dump(mode="json")},
        "created": result.created,
    }


def results_table(kept: Sequence[Kept]) -> Table:
    """One row per result; hashes are cut to eight digits."""
    from rich.table import Table
    from rich.text import Text

    from eval.report.words import headline, protocol_words, spaces_of

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True)
    for name in ("mode", "protocol", "space"):
        table.add_column(name, overflow="fold")
    for name in ("universe", "split", "headline, percent [95 %]", "created"):
        table.add_column(name, no_wrap=True)
    for each in kept:
        result = each.result
        cells = (
            each.id, result.mode, protocol_words(result), " + ".join(spaces_of(result)),
            f"{result.label_universe.n:,} · {result.label_universe.sha256[:8]}", result.provenance.split_sha256[:8],
            headline(result), result.created[:16].replace("T", " "),
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    return table


def _export(kept: Sequence[Kept], folder: Path) -> None:
    from eval.result import write_result

    for each in kept:
        write_result(each.result, folder / f"{each.result.mode}-{each.id}.json")
    note(f"{len(kept)} result files in {folder}")


def _of_group(name: str) -> Any:
    """What was said before the subcommand, as in ``results --store S show ID``."""
    parent = click.get_current_context().parent
    return None if parent is None else parent.params.get(name)
