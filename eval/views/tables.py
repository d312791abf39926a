"""The tables of a result or a comparison, by its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.classification_tables import class_tables
from eval.views.comparison import classification_comparison_tables, ranking_comparison_tables
from eval.views.ranking_tables import ranking_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from eval.results.schema import EvalResult, TaskName
    from eval.statistics.paired_comparison import Comparison
    from retrieval.fitted_table import FittedTable

RESULT_TABLES: Mapping[TaskName, Callable[[EvalResult], Iterator[FittedTable]]] = {
    "classification": class_tables, "ranking": ranking_tables, "verification": ranking_tables,
}  # fmt: skip
COMPARISON_TABLES: Mapping[TaskName, Callable[[Any], Iterator[FittedTable]]] = {
    "classification": classification_comparison_tables,
    "ranking": ranking_comparison_tables,
    "verification": ranking_comparison_tables,
}


def result_tables(result: EvalResult) -> Iterator[FittedTable]:
    """The tables of a result, for a terminal or a notebook."""
    return RESULT_TABLES[result.task](result)


def comparison_tables(comparison: Comparison) -> Iterator[FittedTable]:
    """The tables of a comparison."""
    return COMPARISON_TABLES[comparison.task](comparison)
