"""What differs between the recipes of two runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from training.runs.run_folders import TrainingRun


class KeyDifference(NamedTuple):
    """A key of a recipe, with dots for keys inside keys, and its two values; None where a recipe has no such key."""

    key: str
    a: Any
    b: Any


def recipe_differences(first: TrainingRun, second: TrainingRun) -> list[KeyDifference]:
    """Compare the jobs and the recipes of two runs: keys with different values, in the order of the recipes."""
    a, b = ({"job": run.job or None, **flat(run.recipe)} for run in (first, second))
    return [KeyDifference(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)]


def flat(recipe: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Flatten a recipe: names of inner keys are joined with dots."""
    values: dict[str, Any] = {}
    for key, value in recipe.items():
        name = f"{where}.{key}" if where else key
        if isinstance(value, dict) and value:
            values |= flat(value, name)
        else:
            values[name] = value
    return values


def differences_table(first: TrainingRun, second: TrainingRun) -> FittedTable:
    """A table with a row for each key that differs."""
    different = recipe_differences(first, second)
    table = FittedTable("" if different else "The recipes are the same.")
    if different:
        table.add_column("key", "text")
        table.add_column(first.name, "prose")
        table.add_column(second.name, "prose")
    for one in different:
        table.add_row(one.key, written(one.a), written(one.b))
    return table


def written(value: Any) -> str:
    """Write the value of a key; ``-`` where there is none."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
