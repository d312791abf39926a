"""Evaluates a request: prepares it, computes the result with its provenance, and saves it in the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

from eval.registry import load_mode
from eval.results.schema import EvalResult, Evaluation, Provenance, TaskName
from eval.runs.request import EvalRequest, RequestInputs
from eval.runs.tasks import task_of
from retrieval.errors import StoreError
from retrieval.escapes import printable

if TYPE_CHECKING:
    from eval.runs.task import PreparedEvaluation
    from retrieval.types import SplitSet
    from retrieval.types.store import EmbeddingStore


def print_note(message: str) -> None:
    """Print a message that is not part of the result to standard error."""
    print(printable(message), file=sys.stderr)  # noqa: T201 - the default of `say`


class EvaluationRun(NamedTuple):
    """A result, the prepared evaluation that it was computed from, and whether the store keeps it."""

    result: EvalResult
    prepared: PreparedEvaluation
    is_kept: bool


def evaluate_request(
    store: EmbeddingStore,
    request: EvalRequest,
    inputs: RequestInputs | None = None,
    say: Callable[[str], None] = print_note,
) -> EvaluationRun:
    """Evaluate a request and save the result in the store; see :func:`eval.api.evaluate`."""
    prepared = prepare(store, request, inputs)
    return evaluate_prepared(store, prepared, say)


def prepare(store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs | None = None) -> PreparedEvaluation:
    """Resolve the names of a request, make its draws and read its arrays, without computing anything.

    Args:
        store: where samples and vectors are.
        request: the request.
        inputs: inputs as objects, in place of names.

    Raises:
        VitrineError: as :func:`eval.api.evaluate`.
    """
    prepared: PreparedEvaluation = task_of(request.mode).prepare(store, request, inputs or RequestInputs())
    return prepared


def evaluate_prepared(
    store: EmbeddingStore,
    prepared: PreparedEvaluation,
    say: Callable[[str], None] = print_note,
    warnings: tuple[str, ...] = (),
) -> EvaluationRun:
    """Compute a prepared evaluation, and save its split sets and result, with further warnings, in the store."""
    evaluation = prepared.evaluate()
    evaluation = evaluation.model_copy(update={"warnings": (*evaluation.warnings, *warnings)})
    return keep_result(store, prepared, build_result(prepared, evaluation), say)


def keep_result(
    store: EmbeddingStore, prepared: PreparedEvaluation, result: EvalResult, say: Callable[[str], None] = print_note
) -> EvaluationRun:
    """Save a result and the split sets of its evaluation in the store."""
    is_kept = _save(store, prepared.parts.values(), result, say)
    return EvaluationRun(result, prepared, is_kept)


def build_result(prepared: PreparedEvaluation, evaluation: Evaluation) -> EvalResult:
    """Make the result of an evaluation: all its sections, with the request and the provenance."""
    request, splits = prepared.request, prepared.splits
    task: TaskName = load_mode(request.mode).task
    parts = evaluation.parts and {
        name: part.model_copy(update={"split_sha256": prepared.parts[name].sha256})
        for name, part in evaluation.parts.items()
    }
    sections = {name: getattr(evaluation, name) for name in Evaluation.model_fields if name not in {"config", "parts"}}
    # An option of the mode and one of the protocol may have one name; the mode's is then recorded with the mode's name.
    shared = evaluation.config.keys() & prepared.recorded_options.keys()
    of_mode = {f"{request.mode}.{key}": evaluation.config[key] for key in sorted(shared)}
    return EvalResult(
        task=task,
        mode=request.mode,
        protocol=prepared.protocol,
        departs_from=prepared.departs_from,
        request=request.model_dump(mode="json", exclude_defaults=True),
        parts=parts,
        config={**evaluation.config, **prepared.recorded_options, **of_mode},
        provenance=Provenance(
            space=" + ".join(space.name for space in prepared.spaces),
            space_fingerprint=" + ".join(space.fingerprint for space in prepared.spaces),
            store_version=prepared.store_version,
            split_set=splits.name,
            split_sha256=splits.sha256,
            seed=request.seed,
            vitrine=_version(),
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **sections,
    )


def _save(store: EmbeddingStore, parts: Iterable[SplitSet], result: EvalResult, say: Callable[[str], None]) -> bool:
    """Save split sets and result in the store and return True; if it cannot be written, only say so."""
    try:
        for part in parts:
            store.save_splits(part)
        store.save_result(result.to_dict())
    except StoreError as error:  # read-only or full; the result is still returned
        say(f"Not kept in the store: {error}")
        return False
    return True


def _version() -> str:
    try:
        return version("vitrine")
    except PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
