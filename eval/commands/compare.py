"""The command ``compare``, which tests whether two evaluations differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.commands.shared import STORE_REMINDER, ManyValues, checked_name, refuse_others, say_warnings
from eval.registry import MODES, PROTOCOLS
from retrieval.commands.options import json_option, print_json, print_tables, store_option, where_option

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore


@click.command("compare", cls=ManyValues)
@click.argument("results", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="[A.json B.json]")
@click.option("--spaces", nargs=2, metavar="A B", help="Compare two spaces now, on the same draws.")
@click.option(
    "--mode",
    default="reid",
    show_default=True,
    callback=checked_name("mode", MODES),
    help="What to evaluate, with --spaces.",
)
@click.option("--protocol", callback=checked_name("protocol", PROTOCOLS), help="With --spaces.")
@click.option("--aspect", help="With --spaces: one aspect, or 'all'.")
@click.option("--split-set", metavar="NAME|FILE", help="With --spaces: stored split set, or CSV.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="With --spaces.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="With --spaces: option of the mode.")
@click.option("--prompts", multiple=True, metavar="FILE ...", help="With --spaces: prompt sets (JSON).")
@where_option
@store_option
@json_option
def compare_command(
    results: tuple[Path, ...],
    spaces: tuple[str, str] | None,
    mode: str,
    protocol: str | None,
    aspect: str | None,
    split_set: str | None,
    seed: int,
    options: tuple[str, ...],
    prompts: tuple[str, ...],
    where: str | None,
    store: str,
    as_json: bool,  # noqa: FBT001 - Click passes flags by name
) -> None:
    """Say whether the difference of two evaluations is real: B minus A, paired over draws and identities or images.

    Give two result files of one store, or two spaces. Brackets in the table hold a 95 % interval; it and p are of one
    randomisation test, which exchanges A and B identity by identity (of classification sample by sample, or group by
    group), so 0 is in the interval where p is above .05. McNemar's exact test on Rank-1 or top-1 is beside it. Results
    over different test samples or label universes are refused. Two files of classification may have different modes;
    two of conditions are compared slice by slice, too, as by condition (its recall) and by type of object.
    Example: compare a.json b.json --store S
    """
    from eval.results.files import read_result
    from eval.runs.compare import compare_requests, compare_results
    from eval.runs.request import EvalRequest
    from eval.seams.options import NAME_OPTIONS
    from eval.views.tables import comparison_tables
    from retrieval.config import parse_assignments
    from retrieval.store.open import open_store

    if len(results) != (2 if spaces is None else 0):
        raise click.UsageError(f"Give two result files, or --spaces A B{STORE_REMINDER}.")
    if spaces is None:
        refuse_others(
            allowed={"results", "store", "as_json"}, why="result files, which say themselves how they were made"
        )
        first, second = (read_result(path) for path in results)
        comparison = compare_results(_store_of_results(store), first, second)
    else:
        values = {
            "mode": mode, "protocol": protocol, "aspect": aspect, "split_set": split_set, "where": where, "seed": seed,
            "options": parse_assignments(options, "-o", NAME_OPTIONS), "prompts": prompts,
        }  # fmt: skip
        a, b = (EvalRequest.read({**values, "space": space}, "compare") for space in spaces)
        comparison = compare_requests(open_store(store), a, b)
    say_warnings(comparison.warnings)
    if as_json:
        print_json(comparison.to_dict())
    else:
        print_tables(list(comparison_tables(comparison)))


def _store_of_results(uri: str) -> LanceStore:
    """Open the store of two results, which do not say where it is.

    Raises:
        MissingFileError: there is none.
    """
    from retrieval.errors import MissingFileError
    from retrieval.store.open import open_store

    try:
        return open_store(uri)
    except MissingFileError:
        raise MissingFileError(
            f"{uri}: no store here; results are compared sample by sample, from the store that they were made with: "
            "name it by --store."
        ) from None
