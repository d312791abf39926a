"""The command ``results``: what was evaluated on a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eval.commands.shared import listed
from eval.registry import MODES
from eval.results.listing import Kept, find_result, short_ids
from eval.views.results import results_table
from retrieval.commands.options import json_option, note, print_json, print_table, store_option

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    from eval.results.schema import EvalResult
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


def described(kept: Kept) -> dict[str, Any]:
    """A result in few words, for ``--json``; the headline is its first metric, a fraction."""
    from eval.ranking.rescoring import scoring_words
    from eval.views.wording import spaces_of

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


def _export(kept: Sequence[Kept], folder: Path) -> None:
    from eval.results.files import write_result

    for each in kept:
        write_result(each.result, folder / f"{each.result.mode}-{each.id}.json")
    note(f"{len(kept)} result files in {folder}")


def _of_group(name: str) -> Any:
    """What was said before the subcommand, as in ``results --store S show ID``."""
    parent = click.get_current_context().parent
    return None if parent is None else parent.params.get(name)
