"""Repeats the evaluation of a result."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

from eval.results.differences import SAME_VALUE, number_differences, sections_of
from eval.runs.request import EvalRequest
from eval.runs.run import build_result, keep_result, prepare, print_note
from eval.runs.tasks import load_task
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eval.results.schema import EvalResult
    from eval.runs.run import EvaluationRun
    from eval.runs.task import PreparedEvaluation
    from retrieval.types.store import EmbeddingStore


def evaluate_again(
    store: EmbeddingStore, result: EvalResult, name: str, say: Callable[[str], None] = print_note
) -> EvaluationRun:
    """Evaluate a result's request again, check that every number is unchanged, and save the result.

    The repeated result is of the same request, protocol and options, so a store that has the result keeps no second
    one. Its warnings are those of the result, since the draws and what was said of them are not made again, and any
    new ones.

    Args:
        store: where the result was made.
        result: the result.
        name: name of the result in messages.
        say: gets messages that are not part of the result.

    Raises:
        InputError: the store gives other numbers or draws, or lacks the split set.
        UnknownNameError: the store lacks a space of the result.
    """
    prepared = prepare_again(store, result, name)
    now = build_result(prepared, prepared.evaluate())
    require_values(result, {metric: repeated.value for metric, repeated in now.metrics.items()}, name)
    require_numbers(result, now, name)
    new = tuple(words for words in now.warnings if words not in result.warnings)
    now = now.model_copy(update={"warnings": (*result.warnings, *new)})
    return keep_result(store, prepared, now, say)


def prepare_again(store: EmbeddingStore, result: EvalResult, name: str) -> PreparedEvaluation:
    """Prepare the evaluation of a result on the same draws.

    Args:
        store: where the result was made.
        result: the result.
        name: name of the result in messages.

    Raises:
        InputError: the store gives other draws, or lacks the split set.
        UnknownNameError: the store lacks a space of the result.
    """
    require_spaces(store, result, name)
    request = EvalRequest.read_saved(result.request, f"Request of result {name}")
    if request.mode != result.mode:
        raise InputError(
            f"Result {name} is of mode {result.mode}, and its request of mode {request.mode}; evaluate again."
        )
    prepared = prepare(store, *load_task(result.task).rerun_request(store, request, result, name))
    if prepared.splits.sha256 != result.provenance.split_sha256:
        raise InputError(
            f"The store no longer gives the draws of result {name} (split set {result.provenance.split_set}): its "
            "samples have changed since; evaluate again."
        )
    return prepared


def require_spaces(store: EmbeddingStore, result: EvalResult, name: str) -> None:
    """Check that the store has the spaces of a result.

    Raises:
        UnknownNameError: it lacks one.
    """
    fingerprints = result.provenance.space_fingerprint.split(" + ")
    with store.snapshot() as snapshot:
        if not set(fingerprints) <= {space.fingerprint for space in snapshot.spaces}:
            raise UnknownNameError(
                f"Result {name} is of space {result.provenance.space}, which is not in this store; give the store it "
                "was made from with `store`."
            )


def require_values(result: EvalResult, values: Mapping[str, float], name: str) -> None:
    """Check that the repeated metrics ``values`` equal those of a result.

    Raises:
        InputError: a metric differs or is missing.
    """
    for metric, before in result.metrics.items():
        if metric not in values:
            raise InputError(f"Result {name} has a metric '{metric}' that its request does not ask for.")
        if abs(values[metric] - before.value) > SAME_VALUE:
            raise InputError(
                f"Result {name} says {metric} {before.value:.6f}, and the store now gives {values[metric]:.6f}: it has "
                "changed since; evaluate again."
            )


def require_numbers(result: EvalResult, now: EvalResult, name: str) -> None:
    """Check that the repeated result ``now`` has the numbers of a result: intervals, draws, settings, counts, curves.

    Raises:
        InputError: some differ; the message counts them by section and shows the first.
    """
    differences = number_differences(result, now)
    if not differences:
        return
    first = differences[0]
    counts = ", ".join(f"{section} ({count})" for section, count in sections_of(differences).items())
    versions = (result.provenance.vitrine, now.provenance.vitrine)
    why = "the store has changed since" if versions[0] == versions[1] else f"it is of Vitrine {versions[0]}"
    raise InputError(
        f"Result {name} has {len(differences)} numbers that the store does not give now, in {counts}; the first is "
        f"{first.place}, {_shown(first.before)} in the file and {_shown(first.now)} now. The file was edited, or "
        f"{why}; evaluate again."
    )


def _shown(value: object) -> str:
    """Write a value of a result in a message: numbers with six digits, lists and sections by their size."""
    if isinstance(value, bool | str) or value is None:
        return "nothing" if value is None else repr(value)
    if isinstance(value, int | float):
        return f"{value:.6f}" if isinstance(value, float) else f"{value}"
    return f"{len(value)} entries" if isinstance(value, Sized) else repr(value)
