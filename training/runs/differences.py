"""What differs between the recipes of two runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    flat = flat_recipes([first.recipe, second.recipe])
    a, b = ({"job": run.job or None, **recipe} for run, recipe in zip((first, second), flat, strict=True))
    return [KeyDifference(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)]


def flat_recipes(recipes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten recipes: names of inner keys are joined with dots.

    An empty mapping is left out where another recipe has keys in it, which say by themselves what differs.
    """
    flat = [_flat(recipe) for recipe in recipes]
    groups = {f"{key}." for recipe in flat for key, value in recipe.items() if value == {}}
    filled = {group[:-1] for group in groups if any(key.startswith(group) for recipe in flat for key in recipe)}
    return [{key: value for key, value in recipe.items() if value != {} or key not in filled} for recipe in flat]


def _flat(recipe: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in recipe.items():
        name = f"{where}.{key}" if where else key
        if isinstance(value, dict) and value:
            values |= _flat(value, name)
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
