"""Commands of the read side: evaluate stored vectors, list and export split sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.registry import MODES, PROTOCOLS
from retrieval.errors import suggest
from retrieval.options import console, json_option, note, print_json, space_option, store_option, where_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def listed(kind: str, table: Mapping[str, str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback for names of a closed table: an unknown one is wrong usage, with the nearest name."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in table:
            there = ", ".join(table)
            raise click.BadParameter(f"no {kind} '{value}'.{suggest(value, table)} There is: {there}.", ctx, param)
        return value

    return check


@click.command("eval")
@click.option("--mode", required=True, callback=listed("mode", MODES), help=f"What to evaluate: {', '.join(MODES)}.")
@click.option(
    "--protocol",
    callback=listed("protocol", PROTOCOLS),
    help=f"{', '.join(PROTOCOLS)}. Default: fixed where samples have the splits query and gallery, else monte-carlo.",
)
@click.option("--aspect", help="One aspect, or 'all': a result for each and their mean.")
@click.option("--split-set", metavar="NAME|FILE", help="Stored split set, or CSV with draw,role and id or uri.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of draws and bootstrap.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of the mode; may be repeated.")
@click.option("--all-definitions", is_flag=True, help="Also every AP definition, tie policy and denominator (reid).")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result file (JSON).")
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for pictures of the result (PNG)."
)
@where_option
@store_option
@space_option
@json_option
def eval_command(
    mode: str,
    protocol: str | None,
    aspect: str | None,
    split_set: str | None,
    seed: int,
    options: tuple[str, ...],
    all_definitions: bool,  # noqa: FBT001 - Click passes flags by name
    out: Path | None,
    pictures: Path | None,
    where: str | None,
    store: str,
    space: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Evaluate a mode from stored vectors: no image is opened and no encoder is loaded.

    Options of reid: ranks=1,5,10 ap_method=step|trapezoid|sklearn|at_r|at_k (with ap_k=10 and ap_denominator=n|
    min_k_n|hits) ties=stable|pessimistic|optimistic|expected denominator=valid|all camera_rule=auto|none|market1501
    group_rule=none|exclude views=base,hflip draws=10 bootstrap=1000 cmc_length=50 slice=COLUMN. Of the protocol
    cross-aspect: query_aspect=... gallery_aspect=... mirror=true. Example: eval --mode reid --protocol clipfh-11k -o
    ap_method=trapezoid

    Options of verification: pairs=query-gallery|all fpr=0.001,0.01,0.1 threshold_from=auto|val|val,train|none
    threshold_fmr=0.01 unknown=0.2 fpir=0.01,0.1, and camera_rule, views, draws, bootstrap, identity_columns.
    """
    from eval.result import write_result
    from eval.runner import evaluate
    from eval.tables import definitions_table, result_table, slices_table
    from retrieval.config import parse_assignments
    from retrieval.store.open import open_store

    chosen = parse_assignments(options, "-o")
    if all_definitions:
        chosen["all_definitions"] = True
    opened = open_store(store)
    result = evaluate(
        opened,
        mode,
        space=space,
        protocol=protocol,
        aspect=aspect,
        split_set=split_set,
        where=where,
        seed=seed,
        options=chosen,
        say=note,
    )
    for warning in result.warnings:
        note(f"Warning: {warning}")
    if out is not None:
        write_result(result, out)
    if as_json:
        click.echo(result.to_json(), nl=False)
    else:
        console().print(result_table(result))
        if result.slices is not None:
            console().print(slices_table(result.slices, str(result.config["slice"])))
        if result.definitions is not None:
            console().print(definitions_table(result.definitions))
    if pictures is not None:
        from eval.report.pictures import write_pictures

        written = write_pictures(opened, result, pictures)
        note(f"{len(written)} pictures in {pictures}: {', '.join(path.name for path in written)}")


@click.group("splits")
def splits_group() -> None:
    """List and export stored split sets."""


@splits_group.command("list")
@store_option
@json_option
def list_command(store: str, as_json: bool) -> None:  # noqa: FBT001
    """Names of the stored split sets and the hashes of their rows."""
    from eval.tables import split_sets_table
    from retrieval.store.open import open_store

    sets = dict(open_store(store).split_sets())
    if as_json:
        print_json(sets)
    elif sets:
        console().print(split_sets_table(sets))
    else:
        note("The store has no split sets yet; 'eval' keeps those it draws.")


@splits_group.command("export")
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write.")
@store_option
def export_command(name: str, out: Path, store: str) -> None:
    """Write the split set NAME as CSV, which 'eval --split-set FILE' reads."""
    from eval.files import write_atomically
    from eval.reading import resolve_split_set, sample_places
    from eval.splits import splits_to_csv
    from retrieval.store.open import open_store

    opened = open_store(store)
    splits = opened.read_splits(resolve_split_set(opened, name))
    with opened.snapshot() as snapshot:
        places = sample_places(snapshot)
    write_atomically(out, splits_to_csv(splits, places))
    note(f"{len(splits.draw)} rows: {out}")
