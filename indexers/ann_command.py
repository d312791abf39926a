"""The command ``index-ann``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from retrieval.commands.flags import FREE
from retrieval.commands.option_table import OptionSection, option_rows, print_sections
from retrieval.commands.options import json_option, note, print_json, print_line, space_option, store_option

if TYPE_CHECKING:
    from indexers.ann.request import AnnReport

LOW_RECALL = 0.9
"""Recall below which the command says how to raise it."""


def _known_kind(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Raise a usage error for an unknown kind, with the most similar name."""
    if value is not None:
        from retrieval.errors import UnknownNameError
        from retrieval.search.ann_kinds import find_kind

        try:
            find_kind(value)
        except UnknownNameError as error:
            raise click.BadParameter(str(error), ctx, param) from None
    return value


@click.command("index-ann")
@click.option(
    "--kind",
    callback=_known_kind,
    help="Kind of index: hnsw (a graph), ivf (k-means cells) or lance (cells that are searched on disk).  "
    "[default: hnsw]",
)
@click.option("--view", default="base", show_default=True, help="View of the space.")
@click.option("-o", "--option", "options", multiple=True, metavar=FREE, help="Option of the kind: ef_search=256.")
@click.option("--options", "list_options", is_flag=True, help="List what -o takes, by kind.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of k-means, and of the draw of queries that measure the index.",
)
@click.option("--drop", is_flag=True, help="Delete the saved indexes of the space instead, of all its views.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds to wait for another writer."
)
@store_option
@space_option
@json_option
def index_ann_command(
    kind: str | None,
    options: tuple[str, ...],
    list_options: bool,  # noqa: FBT001 - Click passes flags by name
    drop: bool,  # noqa: FBT001
    store: str,
    space: str | None,
    wait: float,
    as_json: bool,  # noqa: FBT001
    **fields: Any,
) -> None:
    """Build an approximate index over a space, for 'search --approx', and say how much it misses.

    Recall, Rank-1 and mAP are those of some of the vectors as queries, beside an exact search. The index is used as
    long as the vectors of the space do not change.
    """
    if list_options:
        print_sections(kind_sections(kind), as_json=as_json)
        return
    if drop:
        if kind is not None or options:
            raise click.UsageError("--drop deletes the indexes of a space; it goes without --kind and -o.")
        _drop(store, space, wait, as_json=as_json)
        return
    from indexers.ann.build import build_ann
    from indexers.ann.request import AnnRequest
    from retrieval.config import parse_assignments

    values = {**fields, "kind": kind or "hnsw", "options": parse_assignments(options, "-o"), "space": space}
    report = build_ann(AnnRequest.read({**values, "wait": wait, "quiet": as_json}, "index-ann"), store)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)


def kind_sections(kind: str | None) -> list[OptionSection]:
    """Return the options of a kind of index, or of all kinds."""
    from retrieval.search.ann_kinds import KINDS

    names = [kind] if kind else list(KINDS)
    return [OptionSection(f"Kind {name}: -o KEY=VALUE", tuple(option_rows(KINDS[name].options))) for name in names]


def _drop(store: str, space: str | None, wait: float, *, as_json: bool) -> None:
    from indexers.ann.build import drop_ann

    name, *dropped = drop_ann(store, space, wait)
    if as_json:
        print_json({"space": name, "dropped": dropped})
    else:
        print_line(f"Dropped {len(dropped)} saved index{'es' if len(dropped) > 1 else ''} of space {name}.")


def _print_report(report: AnnReport) -> None:
    from retrieval.store.sizes import human_bytes

    record, measured = report.record, report.record.measured
    done = f"built in {report.seconds:.1f} s" if report.built else "built before, measured again"
    print_line(
        f"{record.kind} index of {report.space} ({record.view}): {record.rows:,} vectors in {record.dimension} "
        f"dimensions, {human_bytes(record.size)}, {done}"
    )
    print_line("parameters: " + ", ".join(f"{name} {value}" for name, value in record.parameters.items()))
    seconds = measured["seconds"]
    print_line(
        f"recall@10 {measured['recall_at_10']:.4f} of exact search, {measured['queries']:,} of the vectors as queries "
        f"({seconds['approximate']:.2f} s, exact {seconds['exact']:.2f} s)"
    )
    ranking = measured["ranking"]
    if ranking is None:
        print_line(f"Rank-1 and mAP were not measured: {measured['ranking_reason']}.")
    else:
        exact, approximate = ranking["exact"], ranking["approximate"]
        print_line(
            f"Rank-1 {approximate['rank_1']:.4f} (exact {exact['rank_1']:.4f}), mAP@{ranking['length']} "
            f"{approximate['mean_ap']:.4f} (exact {exact['mean_ap']:.4f}), {ranking['queries']:,} queries of "
            f"{ranking['identities']:,} identities against all vectors"
        )
    if measured["recall_at_10"] < LOW_RECALL:
        raised = "`ef_search`" if record.kind == "hnsw" else "`nprobe`"
        note(f"Many neighbours are missed; a larger {raised} finds more.")
    note("Saved; 'search --approx' uses it.")
