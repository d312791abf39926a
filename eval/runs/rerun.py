"""From a result file back to the evaluation that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.runs.request import EvalRequest
from eval.runs.run import evaluate_prepared, prepare, print_note
from eval.runs.tasks import load_task
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eval.results.schema import EvalResult
    from eval.runs.run import Evaluated
    from eval.runs.task import Prepared
    from retrieval.types.store import EmbeddingStore

SAME_VALUE = 1e-6
"""How far a metric may be from the one in its result file: the same vectors on other hardware round differently."""


def evaluate_again(
    store: EmbeddingStore, result: EvalResult, name: str, say: Callable[[str], None] = print_note
) -> Evaluated:
    """Evaluate a result's request again; the numbers must be those of the result.

    Args:
        store: where it was made.
        result: the result.
        name: what to call it in messages.
        say: takes sentences for people that do not belong to the result.

    Raises:
        InputError: the store gives other numbers or draws, or not all that was settled then.
        UnknownNameError: the store has no such space.
    """
    evaluated = evaluate_prepared(store, prepare_again(store, result, name), say)
    now = {metric: found.value for metric, found in evaluated.result.metrics.items()}
    require_values(result, now, name)
    return evaluated


def prepare_again(store: EmbeddingStore, result: EvalResult, name: str) -> Prepared:
    """Prepare the evaluation of a result on its own draws; raises what :func:`evaluate_again` does before it computes.

    Args:
        store: where it was made.
        result: the result.
        name: what to call it in messages.
    """
    require_spaces(store, result, name)
    request = EvalRequest.read(result.request, f"Request of result {name}")
    if request.mode != result.mode:
        raise InputError(
            f"Result {name} is of mode {result.mode}, and its request of mode {request.mode}; evaluate again."
        )
    prepared = prepare(store, *load_task(result.task).again(store, request, result, name))
    if prepared.splits.sha256 != result.provenance.split_sha256:
        raise InputError(
            f"The store no longer gives the draws of result {name} (split set {result.provenance.split_set}): its "
            "samples have changed since; evaluate again."
        )
    return prepared


def require_spaces(store: EmbeddingStore, result: EvalResult, name: str) -> None:
    """Check that the store has the spaces of a result.

    Raises:
        UnknownNameError: it has not.
    """
    wanted = result.provenance.space_fingerprint.split(" + ")
    with store.snapshot() as snapshot:
        if not set(wanted) <= {space.fingerprint for space in snapshot.spaces}:
            raise UnknownNameError(
                f"Result {name} is of space {result.provenance.space}, which is not in this store; give the store it "
                "was made from with `store`."
            )


def require_values(result: EvalResult, now: Mapping[str, float], name: str) -> None:
    """Check that metrics that were made again are those of a result.

    Raises:
        InputError: one differs, or is not there any more.
    """
    for metric, before in result.metrics.items():
        if metric not in now:
            raise InputError(f"Result {name} has a metric '{metric}' that its request does not ask for.")
        if abs(now[metric] - before.value) > SAME_VALUE:
            raise InputError(
                f"Result {name} says {metric} {before.value:.6f}, and the store now gives {now[metric]:.6f}: it has "
                "changed since; evaluate again."
            )
