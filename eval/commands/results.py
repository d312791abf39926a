"""The command ``results``, which lists, exports and prints the results that a store keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eval.commands.shared import checked_name
from eval.registry import MODES
from eval.results.listing import ResultEntry, find_result, short_ids
from eval.views.results import results_table
from retrieval.commands.options import json_option, note, print_document, print_json, print_tables, store_option

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group("results", invoke_without_command=True)
@click.option("--mode", callback=checked_name("mode", MODES), help="Only results of this mode.")
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
    entries = [entry for entry in read_results(store) if mode in {None, entry.result.mode}]
    if out is not None:
        _export(entries, out)
    if as_json:
        print_json([result_summary(entry) for entry in entries])
    elif entries:
        print_tables([results_table(entries)])
    else:
        note(f"No results{f' of mode {mode}' if mode else ''} in the store yet; 'eval' keeps those it makes.")


@results_command.command("show")
@click.argument("id_", metavar="ID")
@click.option("--store", default=lambda: _of_group("store"), help="Folder of the store.", show_default=False)
def show_command(id_: str, store: str) -> None:
    """Print the result whose id begins with ID, as its result file (JSON)."""
    print_document(find_result(read_results(store), id_).result.to_json())


def read_results(store: str) -> list[ResultEntry]:
    """Read all results of a store, newest first; one that this version cannot read is left out with a note."""
    from eval.results.schema import EvalResult
    from retrieval.errors import InputError
    from retrieval.store.open import open_store

    stored = open_store(store).results()
    entries = []
    for record, short in zip(stored, short_ids([record.sha256 for record in stored]), strict=True):
        try:
            entries.append(ResultEntry(short, record.sha256, EvalResult.read(record.result, f"Result {short}")))
        except InputError as error:
            note(f"Left out: {error}")
    return entries


def result_summary(entry: ResultEntry) -> dict[str, Any]:
    """What ``--json`` prints of a result; ``headline`` is its first metric, with values as fractions."""
    from eval.ranking.rescoring import scoring_words
    from eval.views.wording import spaces_of

    result = entry.result
    first = next(iter(result.metrics.items()), None)
    return {
        "id": entry.id,
        "sha256": entry.sha256,
        "task": result.task,
        "mode": result.mode,
        "protocol": result.protocol,
        "departs_from": result.departs_from,
        "scoring": scoring_words(result.config),
        "spaces": list(spaces_of(result)),
        "label_universe": {"n": result.label_universe.n, "sha256": result.label_universe.sha256},
        "split_sha256": result.provenance.split_sha256,
        "headline": None if first is None else {"metric": first[0], **first[1].model_dump(mode="json")},
        "created": result.created,
    }


def _export(entries: Sequence[ResultEntry], folder: Path) -> None:
    """Write a file for every result."""
    from eval.results.files import write_result

    for entry in entries:
        write_result(entry.result, folder / f"{entry.result.mode}-{entry.id}.json")
    note(f"{len(entries)} result files in {folder}")


def _of_group(name: str) -> Any:
    """The value of an option that stands before the subcommand, as in ``results --store S show ID``."""
    parent = click.get_current_context().parent
    return None if parent is None else parent.params.get(name)
