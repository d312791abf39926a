"""From a request to a result: prepare, evaluate, say where the number comes from, keep it."""

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

if TYPE_CHECKING:
    from eval.runs.task import Prepared
    from retrieval.types import SplitSet
    from retrieval.types.store import EmbeddingStore


def print_note(message: str) -> None:
    """Say something that does not belong to the result on standard error."""
    print(message, file=sys.stderr)  # noqa: T201 - what the result file does not hold


class Evaluated(NamedTuple):
    """A result, and what it was computed from."""

    result: EvalResult
    prepared: Prepared


def evaluate_request(
    store: EmbeddingStore,
    request: EvalRequest,
    inputs: RequestInputs | None = None,
    say: Callable[[str], None] = print_note,
) -> Evaluated:
    """Evaluate a request and keep the result; see :func:`eval.api.evaluate`."""
    prepared = prepare(store, request, inputs)
    return evaluate_prepared(store, prepared, say)


def prepare(store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs | None = None) -> Prepared:
    """Read and draw what an evaluation needs; raises what :func:`evaluate_request` does before it computes."""
    prepared: Prepared = task_of(request.mode).prepare(store, request, inputs or RequestInputs())
    return prepared


def evaluate_prepared(store: EmbeddingStore, prepared: Prepared, say: Callable[[str], None] = print_note) -> Evaluated:
    """Compute what was prepared, and keep split sets and result in the store."""
    result = build_result(prepared, prepared.evaluate())
    _keep(store, prepared.parts.values(), result, say)
    return Evaluated(result, prepared)


def build_result(prepared: Prepared, evaluation: Evaluation) -> EvalResult:
    """Say of an evaluation what it is of: every section is copied, whatever the task."""
    request, splits = prepared.request, prepared.splits
    task: TaskName = load_mode(request.mode).task
    parts = evaluation.parts and {
        name: part.model_copy(update={"split_sha256": prepared.parts[name].sha256})
        for name, part in evaluation.parts.items()
    }
    sections = {name: getattr(evaluation, name) for name in Evaluation.model_fields if name not in {"config", "parts"}}
    return EvalResult(
        task=task,
        mode=request.mode,
        protocol=prepared.protocol,
        departs_from=prepared.departs_from,
        request=request.model_dump(mode="json", exclude_defaults=True),
        parts=parts,
        config={**evaluation.config, **prepared.recorded},
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


def _keep(store: EmbeddingStore, parts: Iterable[SplitSet], result: EvalResult, say: Callable[[str], None]) -> None:
    """Keep split sets and result in the store; a store that cannot be written only costs a sentence."""
    try:
        for part in parts:
            store.save_splits(part)
        store.save_result(result.to_dict())
    except StoreError as error:  # read-only, or a full disk: the number is still worth having
        say(f"Not kept in the store: {error}")


def _version() -> str:
    try:
        return version("vitrine")
    except PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
