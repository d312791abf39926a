"""The examiner: counts answers to test samples for modes, which do not see the labels of test samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.classification.text_queries import text_to_image
from eval.seams.classification import Sealed
from eval.statistics.class_summary import class_table, metrics_of_logits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from eval.seams.classification import Answer
    from eval.seams.scorer import ClassBank
    from eval.statistics.class_sums import ClassTable, MetricRule
    from retrieval.types import Float32, Int64


@dataclass(frozen=True, slots=True)
class TruthExaminer:
    """Counts answers with the true labels; what it returns is sealed, and only the code of results opens it.

    ``truth`` (n,) class codes, -1 where unknown; ``groups`` (n,) group codes of samples that are not independent, or
    None.
    """

    truth: Int64
    groups: Int64 | None = None

    def metrics(self, rows: Int64, logits: Float32, rule: MetricRule) -> Sealed[Mapping[str, float]]:
        """Compute the metrics of logits (rows, C)."""
        return Sealed(metrics_of_logits(logits, self.truth[rows], rule))

    def table(self, answer: Answer, by: Literal["class", "group"]) -> Sealed[ClassTable]:
        """Count an answer for metrics and intervals; ``by`` names the units that the bootstrap resamples."""
        units = self.groups[answer.rows] if by == "group" and self.groups is not None else answer.rows
        return Sealed(class_table(answer.rows, answer.probs, self.truth[answer.rows], units, answer.logits))

    def recalls(self, rows: Int64, vectors: Float32, bank: ClassBank, ks: Sequence[int]) -> Sealed[Mapping[str, float]]:
        """Compute recalls at ``ks`` of a bank's texts that search the samples ``rows``, unit ``vectors`` (rows, d)."""
        return Sealed(text_to_image(vectors, self.truth[rows], bank, ks))
