"""Evaluations from Python: evaluate, compare, audit, report, and result files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.registry import PROTOCOLS, SCORERS, load_mode, load_protocol, load_scorer
from eval.results.files import read_result as read_file
from eval.results.files import write_result
from eval.results.schema import EvalResult
from eval.runs.request import EvalRequest
from retrieval.config import takes_options_of
from retrieval.errors import InputError, unknown
from retrieval.store.open import StoreLike, as_store

if TYPE_CHECKING:
    from eval.audit.findings import AuditReport
    from eval.report.page import ReportFiles
    from eval.statistics.paired_comparison import Comparison


@takes_options_of(EvalRequest)
def evaluate(
    store: StoreLike,
    mode: str,
    *,
    out: str | Path | None = None,
    per_query: str | Path | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> EvalResult:
    """Evaluate stored vectors: no image is opened and no image encoder is loaded.

    >>> result = vitrine.evaluate("hands.vitrine", "reid", protocol="clipfh-11k", ap_method="trapezoid")

    Args:
        store: the store, or its folder.
        mode: name of the mode, such as ``reid`` or ``zeroshot``.
        out: result file to write; predictions and the like are kept beside it.
        per_query: CSV to write with a row per query, of mode ``reid``: rank of its first match, AP, INP and the first
            of its ranking.
        say: called with sentences that do not belong to the result; without it they go to standard error.
        **options: see below. Options of the mode, its scorer and its protocol may stand among them; those whose name
            is no keyword go into ``options``, as ``options={"lambda": 0.3, "tip.beta": 2}``.

    Returns:
        The result, which the store keeps too, where it can be written.

    Raises:
        UnknownNameError: a mode, a protocol, a space or an option does not exist.
        InputError: an option cannot be used, or no honest number can be made of the samples.
        IncompleteError: samples have no vector in the space yet.
        TestDataError: something would have been chosen on test data.
    """
    from eval.runs.per_query import require_reid, write_per_query
    from eval.runs.run import evaluate_request, print_note
    from eval.runs.tasks import task_of

    if per_query is not None:
        require_reid(mode)
    opened = as_store(store)
    request = EvalRequest.read(request_values(mode, options), "evaluate")
    evaluated = evaluate_request(opened, request, say=say or print_note)
    if out is not None:
        write_result(evaluated.result, Path(out))
        task_of(mode).keep_assets(opened, Path(out), evaluated.prepared)
    if per_query is not None:
        write_per_query(opened, Path(per_query), evaluated.prepared)
    return evaluated.result


def request_values(mode: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request; what is none of them is an option of the mode, its scorers or its protocol.

    Raises:
        UnknownNameError: it is neither.
    """
    fields = EvalRequest.model_fields.keys()
    of_mode = load_mode(mode).config_type.option_names()
    others = {name for scorer in SCORERS for name in load_scorer(scorer).config_type.option_names()}
    others |= {name for protocol in PROTOCOLS for name in load_protocol(protocol).options.option_names()}
    direct = {name: value for name, value in given.items() if name not in fields}
    for name in direct:
        if name not in of_mode | others:
            raise unknown("option", name, {*fields, *of_mode})
    request = {name: value for name, value in given.items() if name in fields}
    return {**request, "mode": mode, "options": {**request.get("options", {}), **direct}}


def compare(
    store: StoreLike,
    first: EvalResult | str | Path,
    second: EvalResult | str | Path,
    mode: str = "reid",
    **options: Any,
) -> Comparison:
    """Whether the difference of two evaluations is real: B minus A, paired over draws and samples.

    >>> vitrine.compare("hands.vitrine", "resnet", "vit", protocol="clipfh-11k")
    >>> vitrine.compare("hands.vitrine", before, after)

    Args:
        store: the store, or its folder; results are computed again from it.
        first: A: a result, a result file (a path, or a text that ends in ``.json``), or the name of a space.
        second: B, of the same kind.
        mode: mode in which spaces are compared.
        **options: of the evaluation of spaces, as :func:`evaluate` takes them.

    Returns:
        The metrics of both, the differences with intervals and p-values.

    Raises:
        InputError: the two are not over the same samples, or measure differently; or the store no longer gives what a
            result says.
        UnknownNameError: a space, a protocol or an option does not exist.
    """
    from eval.runs.compare import compare_requests, compare_results

    opened = as_store(store)
    a, b = _result(first), _result(second)
    if a is not None and b is not None:
        if options:
            raise InputError(f"Results say themselves how they were made; leave out {', '.join(options)}.")
        return compare_results(opened, a, b)
    if a is not None or b is not None:
        raise InputError("One is a result and the other the name of a space; give two of a kind.")
    values = request_values(mode, options)
    requests = [EvalRequest.read({**values, "space": str(space)}, "compare") for space in (first, second)]
    return compare_requests(opened, *requests)


def _result(given: EvalResult | str | Path) -> EvalResult | None:
    """The result, or None where a space is named."""
    if isinstance(given, EvalResult):
        return given
    return read_file(Path(given)) if isinstance(given, Path) or given.endswith(".json") else None


def audit(
    store: StoreLike,
    *,
    space: str | None = None,
    protocol: str | None = None,
    aspect: str | None = None,
    split_set: str | Path | None = None,
    seed: int = 0,
    bits: int = 3,
    exact: bool = False,
) -> AuditReport:
    """Find leaks, duplicates and suspected labels, from the store alone: no image is opened.

    Args:
        store: the store, or its folder.
        space: space whose vectors are looked at. Without it, the default space.
        protocol: protocol whose draws are audited. Without it and ``split_set``, the samples' own splits.
        aspect: aspect of the protocol's draws.
        split_set: stored split set, the beginning of its name, or a CSV file.
        seed: seed of the protocol's draws.
        bits: largest number of bits, 0 to 3, in which perceptual hashes of near-duplicates may differ.
        exact: whether to compare all pairs of vectors, however many there are. Otherwise more than 20,000 vectors are
            searched approximately, and the report says how much of a sample that found.

    Returns:
        The findings: errors make numbers wrong, warnings may, notes should be known.

    Raises:
        InputError: there are no samples, or the options do not go together.
        UnknownNameError: a space, a protocol or a split set does not exist.
    """
    from eval.runs.audit import audit as audit_store

    return audit_store(
        as_store(store),
        space=space,
        protocol=protocol,
        aspect=aspect,
        split_set=split_set,
        seed=seed,
        bits=bits,
        exact=exact,
    )


def report(
    results: EvalResult | str | Path | Iterable[EvalResult | str | Path],
    out: str | Path,
    title: str = "Evaluation report",
    store: StoreLike | None = None,
) -> ReportFiles:
    """Write results as ``report.md``, ``report.html``, figures and thumbnails; a summary comes first.

    Args:
        results: results or result files. Results are written to the folder ``results`` in ``out`` first.
        out: folder of the report, made where there is none.
        title: title of the report.
        store: the store of the results, or its folder: the best result is paired with others as :func:`compare` does
            it, where the files alone cannot say how sure a difference is.

    Returns:
        The files that were written, the summary, and warnings.

    Raises:
        InputError: a file is no result, or the folder cannot be written.
        MissingFileError: a result file does not exist.
    """
    from eval.report.page import write_report
    from eval.runs.compare import compare_results

    listed: Sequence[EvalResult | str | Path] = (
        [results] if isinstance(results, EvalResult | str | Path) else list(results)
    )
    folder = Path(out)
    files = [_file(result, folder / "results", at) for at, result in enumerate(listed, 1)]
    return write_report(files, folder, title, None if store is None else partial(compare_results, as_store(store)))


def pictures(
    store: StoreLike, result: EvalResult | str | Path, out: str | Path, queries_per_rule: int = 2
) -> list[Path]:
    """Draw a result, as PNG files: CMC, hardest identities and ranked lists, or ROC, DET and score histograms.

    Rankings are made again from the store and checked against the result; no image is opened.

    Args:
        store: the store in which the result was made, or its folder.
        result: a result, or a result file.
        out: folder of the pictures, made where there is none.
        queries_per_rule: how many hardest, median and random queries a sheet of ranked lists shows.

    Returns:
        The files, in order of name.

    Raises:
        InputError: the store no longer gives the result, there is nothing to draw, or the folder cannot be written.
    """
    from eval.report.pictures import write_pictures
    from eval.runs.reading import thumbnail_reader
    from eval.runs.replay_ranking import replay

    opened = as_store(store)
    shown = result if isinstance(result, EvalResult) else read_file(Path(result))
    rankings = replay(opened, shown) if shown.cmc is not None else None
    return write_pictures(shown, Path(out), rankings, thumbnail_reader(opened), queries_per_rule)


def _file(given: EvalResult | str | Path, folder: Path, number: int) -> Path:
    if not isinstance(given, EvalResult):
        return Path(given)
    path = folder / f"{number}-{given.mode}.json"
    write_result(given, path)
    return path


def read_result(path: str | Path) -> EvalResult:
    """Read a result file.

    Args:
        path: a file that ``evaluate(..., out=...)`` or ``vitrine eval --out`` wrote.

    Raises:
        MissingFileError: there is none.
        InputError: it is not a result file, or one of another version.
    """
    return read_file(Path(path))
