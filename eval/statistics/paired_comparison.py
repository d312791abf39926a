"""What a paired comparison of two evaluations gives, whatever their task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from eval.statistics.paired_tests import to_dict

if TYPE_CHECKING:
    from eval.results.schema import TaskName
    from eval.statistics.paired_tests import Difference, McNemar


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
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
