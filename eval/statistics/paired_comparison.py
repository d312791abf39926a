"""The result of a paired comparison of two evaluations, of any task."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from eval.statistics.paired_tests import to_dict
from retrieval.frames import to_frame
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from eval.results.schema import TaskName
    from eval.statistics.paired_tests import McNemar, PairedDifference
    from retrieval.fitted_table import FittedTable


class SliceComparison(NamedTuple):
    """B against A on one slice: its samples (mean over draws), values of A and B, and B minus A, by metric."""

    n: float
    values: Mapping[str, tuple[float, float]]
    differences: Mapping[str, PairedDifference]


def paired_values(
    values: Mapping[str, tuple[float, float]], differences: Mapping[str, PairedDifference]
) -> dict[str, dict[str, Any]]:
    """Convert metrics of A and B and their differences to plain values for JSON."""
    plain = to_dict(differences)
    return {name: {"a": a, "b": b, **plain[name]} for name, (a, b) in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(ShowsTables):
    """Comparison of evaluation B with A; ``a`` and ``b`` are the names that tell them apart.

    ``n`` counts what the metrics are over. ``values`` are the metrics of A and of B; ``differences`` are B minus A;
    ``mcnemar`` is on Rank-1 or top-1, or None. ``warnings`` are about leaks and duplicates among the samples of either.
    """

    task: ClassVar[TaskName]
    head: ClassVar[tuple[str, ...]]
    """Fields that :meth:`to_dict` gives as they are, in order."""

    a: str
    b: str
    store_version: int
    split_set: str
    split_sha256: str
    seed: int
    resamples: int
    n: Mapping[str, float]
    values: Mapping[str, tuple[float, float]]
    differences: Mapping[str, PairedDifference]
    mcnemar: McNemar | None
    warnings: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """Make a table with a row per metric: values of A and B, difference, interval and p-value."""
        import pyarrow as pa

        differences, values = self.differences.values(), self.values.values()
        ends = [difference.metric.ci95 or (None, None) for difference in differences]
        return pa.table(
            {
                "metric": list(self.values),
                "a": [a for a, _ in values],
                "b": [b for _, b in values],
                "difference": [difference.metric.value for difference in differences],
                "ci_low": [low for low, _ in ends],
                "ci_high": [high for _, high in ends],
                "p_value": [difference.p_value for difference in differences],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Convert :meth:`to_table` to a pandas data frame.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        return to_frame(self.to_table())

    def _tables(self) -> Iterable[FittedTable]:
        views = importlib.import_module("..views.tables", __package__)  # views stand above what they show
        tables: Iterable[FittedTable] = views.comparison_tables(self)
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values for JSON; metrics are fractions."""
        return {
            "task": self.task,
            **{name: getattr(self, name) for name in self.head},
            "n": dict(self.n),
            "metrics": paired_values(self.values, self.differences),
            "mcnemar": None if self.mcnemar is None else self.mcnemar._asdict(),
            "warnings": list(self.warnings),
        }
