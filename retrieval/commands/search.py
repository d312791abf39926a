"""The search command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.commands.options import (
    PicturePath,
    device_option,
    json_option,
    max_pixels_option,
    note,
    print_json,
    print_tables,
    space_option,
    store_option,
    where_option,
)

if TYPE_CHECKING:
    from retrieval.fitted_table import FittedTable
    from retrieval.search.result import SearchResult


@click.command("search")
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option(
    "--id", "sample_id", help="Search with a stored sample: its id or its path; the beginning or end is enough."
)
@click.option("--identity", help="Search with all samples of an identity.")
@click.option("--label", help="Search with all samples of a label.")
@click.option("--text", help="Search with words (spaces with a text tower).")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many to show.")
@click.option("--group-by", type=click.Choice(["identity", "label"]), help="Rank these instead of samples.")
@click.option(
    "--combine",
    type=click.Choice(["centroid", "max"]),
    default="centroid",
    show_default=True,
    help="Several query samples: search with their centroid, or with each and keep the best score.",
)
@click.option("--include-self", is_flag=True, help="Also show the query's own samples.")
@click.option("--view", default="base", show_default=True, help="View of the space to search in.")
@click.option(
    "--approx",
    is_flag=True,
    help="Search with the index of index-ann; exactly where there is none, or vectors changed since.",
)
@max_pixels_option("IMAGE")
@click.option("--sheet", type=PicturePath(".png"), help="Write a contact sheet (PNG).")
@where_option
@store_option
@space_option
@device_option
@json_option
def search_command(
    image: Path | None,
    sample_id: str | None,
    identity: str | None,
    label: str | None,
    text: str | None,
    k: int,
    group_by: Any,
    combine: Any,
    include_self: bool,  # noqa: FBT001 - Click passes flags by name
    view: str,
    approx: bool,  # noqa: FBT001
    max_pixels: int,
    sheet: Path | None,
    where: str | None,
    store: str,
    space: str | None,
    device: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Find the samples, identities or labels most like IMAGE, a stored sample, an identity, a label or a text.

    Scores are cosines; the query's own samples are left out. Example: search --identity 0000012 --group-by identity
    """
    from retrieval.errors import first_names
    from retrieval.search.request import SearchRequest
    from retrieval.search.searcher import search
    from retrieval.search.sheets import write_sheet

    if sum(value is not None for value in (image, sample_id, identity, label, text)) != 1:
        raise click.UsageError("Search for one thing: an IMAGE, or one of --id, --identity, --label, --text.")
    query = {"id": sample_id, "identity": identity, "label": label, "image": image, "text": text}
    ranking = {"k": k, "group_by": group_by, "combine": combine, "include_self": include_self}
    searched = {"where": where, "space": space, "view": view, "approx": approx}
    encoded = {"device": device, "max_pixels": max_pixels}
    result = search(store, SearchRequest.read(query | ranking | searched | encoded, "search"))
    if sheet is not None:
        write_sheet(result, sheet)
    for warning in result.warnings:
        note(f"Warning: {warning}")
    if image is not None and result.query_samples and not include_self:
        paths = first_names(sample["uri"] for sample in result.query_samples)
        note(f"{image} is in the store ({paths}) and left out of the answer; `include_self` shows it.")
    if result.without_vector:
        note(f"{result.without_vector:,} samples have no vector in space {result.space.name} and were not searched.")
    if as_json:
        print_json(result.to_dict())
        return
    print_tables([hits_table(result)])
    if sheet is not None:
        note(f"Contact sheet: {sheet}")


def hits_table(result: SearchResult) -> FittedTable:
    """One row per hit."""
    from retrieval.fitted_table import FittedTable

    group_by, columns = result.request.group_by, result.columns()
    table = FittedTable(result.title_parts)
    table.add_column("rank", "number")
    table.add_column("score", "number")
    for name in (*([group_by] if group_by else []), *columns, "id"):
        table.add_column(name)
    table.add_column("path", "path")
    for hit in result.hits:
        group = [hit.group or ""] if group_by else []
        words = [str(hit.sample[name] or "") for name in columns]
        table.add_row(str(hit.rank), f"{hit.score:.4f}", *group, *words, hit.sample["id"], hit.sample["uri"])
    return table
