"""The command ``eval``, which evaluates stored vectors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from eval.commands.shared import STORE_REMINDER, ManyValues, checked_name, refuse_others, say_warnings
from eval.registry import MODES, PROTOCOLS
from retrieval.commands.options import (
    json_option,
    note,
    print_document,
    print_json,
    print_tables,
    space_option,
    store_option,
    where_option,
)
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eval.results.schema import EvalResult
    from eval.runs.request import EvalRequest
    from eval.runs.run import EvaluationRun
    from retrieval.store.open import LanceStore


@click.command("eval", cls=ManyValues)
@click.option("--mode", callback=checked_name("mode", MODES), help=f"What to evaluate: {', '.join(MODES)}.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Evaluate a result file again; it must agree.",
)
@click.option(
    "--protocol",
    callback=checked_name("protocol", PROTOCOLS),
    help=f"{', '.join(PROTOCOLS)}. Default: of classification split; else fixed where samples have the splits query "
    "and gallery, else monte-carlo.",
)
@click.option("--aspect", help="One aspect, or 'all': a result for each and their mean.")
@click.option("--split-set", metavar="NAME|FILE", help="Stored split set, or CSV with draw,role and id or uri.")
@click.option("--arm", "arms", multiple=True, metavar="[NAME=]SPACE:SCORER[:BANK] ...", help="Arms of a fusion.")
@click.option("--prompts", multiple=True, metavar="FILE ...", help="Prompt sets (JSON); a.json+b.json is one set.")
@click.option("--labels-from", metavar="all|split|FILE", help="The label universe of a classification.")
@click.option("--calibrate", is_flag=True, help="Fit a temperature on val (classification).")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of draws and bootstrap.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of the mode; may be repeated.")
@click.option("--options", "list_options", is_flag=True, help="List what -o takes: mode, scorers, protocol.")
@click.option("--all-definitions", is_flag=True, help="Also every AP definition, tie policy and denominator (reid).")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the result file (JSON); with --space all a folder of them."
)
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for pictures of the result (PNG)."
)
@click.option(
    "--per-query",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a CSV with a row per query: its first match, AP, INP and the first of its ranking (reid).",
)
@click.option("--device", default="auto", show_default=True, help="Where new prompts are embedded.")
@where_option
@store_option
@space_option
@json_option
def eval_command(
    mode: str | None,
    from_file: Path | None,
    out: Path | None,
    pictures: Path | None,
    per_query: Path | None,
    store: str,
    list_options: bool,  # noqa: FBT001 - Click passes flags by name
    as_json: bool,  # noqa: FBT001
    **parameters: Any,
) -> None:
    """Evaluate a mode from stored vectors: no image is opened and no image encoder is loaded.

    Options of a mode, of its scorers and of a protocol are given with -o. "eval --mode MODE --options" lists them, with
    --protocol NAME those of the protocol, too. Example: eval --mode reid --protocol clipfh-11k -o ap_method=trapezoid
    """
    from eval.results.files import read_result
    from eval.runs.grid import ALL
    from eval.runs.rerun import evaluate_again
    from eval.runs.run import evaluate_request
    from retrieval.store.open import open_store

    if list_options:
        _list_options(mode, parameters, as_json=as_json)
        return
    if (from_file is None) == (mode is None):
        raise click.UsageError(f"Give --mode, or --from with a result file{STORE_REMINDER}.")
    opened = open_store(store)
    if from_file is not None:
        refuse_others(
            {"from_file", "out", "pictures", "per_query", "store", "as_json"},
            "--from: a result file says itself how it was made",
        )
        result = read_result(from_file)
        _check_per_query(per_query, result.mode)
        evaluated = evaluate_again(opened, result, from_file.name, note)
        note(f"The store gives the numbers of {from_file}.")
    else:
        _check_per_query(per_query, str(mode))
        request = _request(str(mode), parameters)
        if request.space == ALL:
            for flag, given in (("--pictures", pictures), ("--per-query", per_query)):
                if given is not None:
                    raise click.UsageError(f"{flag} does not go with --space all; use it with one space.")
            _grid(opened, request, out, as_json=as_json)
            return
        evaluated = evaluate_request(opened, request, say=note)
    _show(opened, evaluated, out, as_json=as_json)
    if per_query is not None:
        from eval.runs.per_query import write_per_query

        note(f"{write_per_query(opened, per_query, evaluated.prepared):,} queries: {per_query}")
    if pictures is not None:
        from eval.api import pictures as draw_pictures

        written = draw_pictures(opened, evaluated.result, pictures)
        note(f"{len(written)} pictures in {pictures}: {', '.join(path.name for path in written)}")


def _check_per_query(path: Path | None, mode: str) -> None:
    """Refuse ``--per-query`` of another mode, and a place that cannot be written, before anything is computed."""
    if path is not None:
        from eval.runs.per_query import require_reid
        from retrieval.files import make_folder_of

        try:
            require_reid(mode)
        except InputError as error:
            raise click.UsageError(str(error)) from None
        make_folder_of(path, "--per-query")


def _list_options(mode: str | None, parameters: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the options of a mode, of its scorers and of a protocol (``--options``)."""
    from eval.runs.arms import parse_arm
    from eval.seams.options import NAME_OPTIONS
    from eval.views.option_sections import evaluation_sections
    from retrieval.commands.option_table import print_sections
    from retrieval.config import parse_assignments

    if mode is None and parameters["protocol"] is None:
        raise click.UsageError("--options lists those of a mode, a protocol, or both: give --mode or --protocol.")
    scorers = tuple(dict.fromkeys(parse_arm(text).scorer for text in parameters["arms"]))
    options = parse_assignments(parameters["options"], "-o", NAME_OPTIONS)
    print_sections(evaluation_sections(mode, parameters["protocol"], scorers, options), as_json=as_json)


def _request(mode: str, parameters: Mapping[str, Any]) -> EvalRequest:
    """Make the request from the parameters of the command line."""
    from eval.runs.request import EvalRequest
    from eval.seams.options import NAME_OPTIONS
    from retrieval.config import parse_assignments

    options = parse_assignments(parameters["options"], "-o", NAME_OPTIONS)
    for flag in ("all_definitions", "calibrate"):
        if parameters[flag]:
            options[flag] = True
    if parameters["labels_from"] is not None:
        options["labels_from"] = parameters["labels_from"]
    if parameters["arms"] and click.get_current_context().get_parameter_source("space") is ParameterSource.ENVIRONMENT:
        parameters = {**parameters, "space": None}  # arms name their spaces
    names = ("space", "protocol", "aspect", "split_set", "where", "seed", "arms", "prompts", "device")
    values = {"mode": mode, "options": options, **{name: parameters[name] for name in names}}
    return EvalRequest.read(values, "eval")


def _show(opened: LanceStore, evaluated: EvaluationRun, out: Path | None, *, as_json: bool) -> None:
    """Print a result, write its warnings to stderr, and write its file."""
    from eval.views.tables import result_tables

    result = evaluated.result
    say_warnings(result.warnings)
    if out is not None:
        _write(opened, evaluated, out)
    if as_json:
        print_document(result.to_json())
    else:
        print_tables(result_tables(result))
    _say_written(evaluated, out)


def _say_written(evaluated: EvaluationRun, out: Path | None) -> None:
    """Say where the result is: its file, what is beside it, and its id in the store."""
    from eval.results.assets import assets_folder
    from eval.results.listing import MIN_DIGITS
    from retrieval.types.store import result_sha256

    if out is not None:
        has_assets = evaluated.result.task == "classification"
        beside = f", and {assets_folder(out)} (predictions, wrong answers)" if has_assets else ""
        note(f"Result file: {out}{beside}")
    if evaluated.is_kept:
        short = result_sha256(evaluated.result.to_dict())[:MIN_DIGITS]
        note(f"Kept in the store: 'results show {short}' prints it.")


def _write(opened: LanceStore, evaluated: EvaluationRun, out: Path) -> None:
    """Write the result file and its assets."""
    from eval.results.files import write_result
    from eval.runs.tasks import load_task

    write_result(evaluated.result, out)
    load_task(evaluated.result.task).keep_assets(opened, out, evaluated.prepared)


def _grid(opened: LanceStore, request: EvalRequest, out: Path | None, *, as_json: bool) -> None:
    """Evaluate every space with every prompt set, print a table, and write a result file each to the folder ``out``."""
    from eval.runs.grid import evaluate_grid
    from eval.views.classification_tables import grid_table

    if out is not None and (out.is_file() or out.suffix == ".json"):
        raise click.UsageError("--space all writes several results; name a folder with --out.")
    results: list[EvalResult] = []
    files: set[str] = set()
    warnings: dict[str, tuple[str, ...]] = {}
    for evaluated in evaluate_grid(opened, request, note):
        results.append(evaluated.result)
        space = evaluated.result.provenance.space
        warnings[space] = (*warnings.get(space, ()), *evaluated.result.warnings)
        if out is not None:
            name = _file_name(evaluated.result, files)
            files.add(name)
            _write(opened, evaluated, out / f"{name}.json")
    say_warnings(warnings)
    if len({(result.provenance.split_sha256, result.label_universe.sha256) for result in results}) > 1:
        note("Warning: the rows are over different samples or labels, so they do not compare.")
    if as_json:
        print_json([result.to_dict() for result in results])
    else:
        print_tables([grid_table(results)])
    if out is not None:
        note(f"{len(files)} result files: {out}")


def _file_name(result: EvalResult, taken: set[str]) -> str:
    """Name a file by mode, space and prompt set; with the hash of the bank if ``taken`` has that name already."""
    arm = next((arm for arm in (result.arms or {}).values() if arm.bank), None)
    words = [result.mode, result.provenance.space, *([str(arm.bank)] if arm else [])]
    name = re.sub(r"[^\w.@-]+", "-", "_".join(words))
    return name if name not in taken or arm is None else f"{name}-{str(arm.bank_sha256)[:8]}"
