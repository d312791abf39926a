"""What a paired comparison of two evaluations gives, whatever their task."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from eval.statistics.paired_tests import to_dict
from retrieval.frames import to_frame
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from rich.console import RenderableType

    from eval.results.schema import TaskName
    from eval.statistics.paired_tests import Difference, McNemar


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(ShowsTables):
    """B against A: ``a`` and ``b`` name them by what tells them apart.

    ``n`` counts what the metrics are over. ``values`` are the metrics of A and of B; ``differences`` are B minus A;
    ``mcnemar`` is on Rank-1 or top-1, None where there is none. ``warnings`` say what is not clean about the samples
    of either.
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
    differences: Mapping[str, Difference]
    mcnemar: McNemar | None
    warnings: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """A row per metric: those of A and B, the difference with its interval, and the p-value."""
        import pyarrow as pa

        found, values = self.differences.values(), self.values.values()
        ends = [each.metric.ci95 or (None, None) for each in found]
        return pa.table(
            {
                "metric": list(self.values),
                "a": [a for a, _ in values],
                "b": [b for _, b in values],
                "difference": [each.metric.value for each in found],
                "ci_low": [low for low, _ in ends],
                "ci_high": [high for _, high in ends],
                "p_value": [each.p_value for each in found],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """The same as a pandas data frame.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        return to_frame(self.to_table())

    def _tables(self) -> Iterable[RenderableType]:
        views = importlib.import_module("..views.tables", __package__)  # views stand above what they show
        return (views.comparison_of(self),)

    def to_dict(self) -> dict[str, Any]:
        """For programs; metrics are fractions."""
        apart = to_dict(self.differences)
        return {
            "task": self.task,
            **{name: getattr(self, name) for name in self.head},
            "n": dict(self.n),
            "metrics": {name: {"a": a, "b": b, **apart[name]} for name, (a, b) in self.values.items()},
            "mcnemar": None if self.mcnemar is None else self.mcnemar._asdict(),
            "warnings": list(self.warnings),
        }
