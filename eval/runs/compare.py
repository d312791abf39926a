"""Compares two evaluations of a store: the paired differences B minus A.

Used by the command ``compare`` and by :func:`eval.api.compare`. The task refuses evaluations that do not pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.runs.rerun import prepare_again, require_values
from eval.runs.run import prepare
from eval.runs.tasks import load_task, task_of
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, TaskName
    from eval.runs.request import EvalRequest
    from eval.statistics.paired_comparison import Comparison
    from retrieval.types.store import EmbeddingStore


def compare_requests(store: EmbeddingStore, first: EvalRequest, second: EvalRequest) -> Comparison:
    """Prepare two requests and compare them. They must give the same draws, or the same test samples (classification).

    Args:
        store: where the vectors are.
        first: evaluation A; its seed also draws the resamples.
        second: evaluation B.

    Raises:
        InputError: the evaluations are of different tasks, over different samples, or define a metric differently.
    """
    task, other = task_of(first.mode), task_of(second.mode)
    _require_one_task(task.name, other.name)
    return task.compare(prepare(store, first), prepare(store, second))


def compare_results(store: EmbeddingStore, first: EvalResult, second: EvalResult) -> Comparison:
    """Compute two results again from the store, compare them, and check that their metrics are unchanged.

    Raises:
        InputError: as :func:`compare_requests`, or the store gives other metrics than a result.
        UnknownNameError: the store lacks the space of a result.
    """
    _require_one_task(first.task, second.task)
    task = load_task(first.task)
    task.check_results(first, second)  # before the vectors are read; task.compare checks what was prepared
    prepared = [prepare_again(store, result, name) for result, name in ((first, "A"), (second, "B"))]
    comparison = task.compare(*prepared)
    for side, (result, name) in enumerate(((first, "A"), (second, "B"))):
        require_values(result, {metric: pair[side] for metric, pair in comparison.values.items()}, name)
    return comparison


def _require_one_task(first: TaskName, second: TaskName) -> None:
    if first != second:
        raise InputError(
            f"The evaluations are of different tasks ({first} and {second}), so they cannot be paired; compare two of "
            "one task."
        )
