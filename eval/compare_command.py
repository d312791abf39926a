"""The command ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.commands import OF_STORE, ManyValues, listed, refuse_others
from eval.registry import MODES, PROTOCOLS
from retrieval.options import json_option, note, print_json, print_table, store_option, where_option

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from eval.asked import Asked
    from eval.compare import Comparison
    from eval.compare_classes import ClassComparison
    from eval.result import EvalResult
    from retrieval.store.open import LanceStore


@click.command("compare", cls=ManyValues)
@click.argument("results", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="[A.json B.json]")
@click.option("--spaces", nargs=2, metavar="A B", help="Compare two spaces now, on the same draws.")
@click.option(
    "--mode", default="reid", show_default=True, callback=listed("mode", MODES), help="What to evaluate, with --spaces."
)
@click.option("--protocol", callback=listed("protocol", PROTOCOLS), help="With --spaces.")
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

    Give two result files of one store, or two spaces. [..] is a 95 % paired bootstrap interval over identities (of
    classification over images within classes, or groups); p is of a randomisation test that exchanges A and B person
    by person; McNemar's exact test on Rank-1 or top-1 is beside it. Results over different test samples or label
    universes are refused. Two modes of classification may be compared. Example: compare a.json b.json --store S
    """
    from eval.asked import Asked
    from eval.result import read_result
    from retrieval.config import parse_assignments
    from retrieval.store.open import open_store

    if (len(results) == 2) == (spaces is not None) or len(results) not in {0, 2}:
        raise click.UsageError(f"Give two result files, or --spaces A B{OF_STORE}.")
    if spaces is None:
        refuse_others({"results", "store", "as_json"}, "result files, which say themselves how they were made")
        found = _of_results(open_store(store), *(read_result(path) for path in results))
    else:
        chosen = parse_assignments(options, "-o")
        first, second = (
            Asked(mode, space, protocol, aspect, split_set, where, seed, chosen, prompts=prompts) for space in spaces
        )
        found = _of_requests(open_store(store), first, second)
    for warning in found.warnings:
        note(f"Warning: {warning}")
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(_table(found))


def _of_requests(store: LanceStore, first: Asked, second: Asked) -> Comparison | ClassComparison:
    from eval.class_runner import is_class_mode
    from eval.compare import compare
    from eval.compare_classes import compare_class_requests
    from eval.registry import load_mode

    if is_class_mode(load_mode(first.mode)):
        return compare_class_requests(store, first, second)
    return compare(store, first, second)


def _of_results(store: LanceStore, first: EvalResult, second: EvalResult) -> Comparison | ClassComparison:
    from eval.class_runner import is_class_mode
    from eval.compare import compare_results
    from eval.compare_classes import compare_class_results
    from eval.registry import load_mode

    if all(is_class_mode(load_mode(result.mode)) for result in (first, second)):
        return compare_class_results(store, first, second)
    return compare_results(store, first, second)


def _table(found: Comparison | ClassComparison) -> RenderableType:
    from eval.class_view import class_comparison
    from eval.compare_classes import ClassComparison

    return class_comparison(found) if isinstance(found, ClassComparison) else comparison_table(found)


def comparison_table(found: Comparison) -> Table:
    """A row per metric: A, B, the difference with its interval, p-value, and in how many draws B is higher."""
    from rich.table import Table

    from eval.tables import metric_title, p_text, percent

    table = Table(
        title=f"A {found.a}\nB {found.b}\n{_measured(found)}",
        caption=_caption(found),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("")
    for name in ("A", "B", "B - A", "p", "draws up/equal/down"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, (a, b) in found.values.items():
        apart = found.differences[name]
        draws = f"{apart.draws_up}/{apart.draws_equal}/{apart.draws_down}"
        table.add_row(
            metric_title(name), f"{100 * a:.1f}", f"{100 * b:.1f}", percent(apart.metric), p_text(apart.p_value), draws
        )
    return table


def _measured(found: Comparison) -> str:
    """What both were measured on; the split sets of several parts have too many names for a line."""
    parts = f"mean of {len(found.parts)} parts" if found.parts else found.split_set.partition("@")[0]
    return f"{found.mode} · {found.protocol} · {parts} · split set {found.split_sha256[:12]}"


def _caption(found: Comparison) -> str:
    from eval.tables import p_text

    ways = f"[95 % by paired bootstrap over {found.identities} identities], p by exchanging A and B per identity"
    lines = [f"percent, {ways} ({found.resamples} times each), seed {found.seed}"]
    if found.mcnemar is not None:
        test = found.mcnemar
        mean = [round(sum(counts) / len(counts), 1) for counts in (test.only_a, test.only_b)]
        over = f", means over {len(test.p_values)} draws; p is twice their mean" if len(test.p_values) > 1 else ""
        lines.append(
            f"McNemar on Rank-1: only A right {mean[0]:g}, only B right {mean[1]:g} of {found.queries:g} queries, "
            f"p {p_text(test.p_value)} (takes queries for independent{over})"
        )
    return "\n".join(lines)
