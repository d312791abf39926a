"""The table of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eval.registry import load_mode

if TYPE_CHECKING:
    from eval.results.schema import TaskName
    from eval.runs.task import Task


def load_task(name: TaskName) -> Task[Any]:
    """Return the task of this name."""
    from eval.runs.classification_task import CLASSIFICATION
    from eval.runs.ranking_tasks import RANKING, VERIFICATION

    tasks: dict[TaskName, Task[Any]] = {
        "classification": CLASSIFICATION, "ranking": RANKING, "verification": VERIFICATION,
    }  # fmt: skip
    return tasks[name]


def task_of(mode: str) -> Task[Any]:
    """Return the task of a mode.

    Raises:
        UnknownNameError: there is no such mode.
    """
    return load_task(load_mode(mode).task)
