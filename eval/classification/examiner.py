"""Counting of answers to test samples, whose labels the modes do not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.classification.text_queries import text_to_image
from eval.seams.classification import Sealed
from eval.statistics.class_figures import class_table, quick_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from eval.seams.classification import Answer
    from eval.seams.scorer import ClassBank
    from eval.statistics.class_sums import ClassTable, MetricRule
    from retrieval.types import Float32, Int64


@dataclass(frozen=True, slots=True)
class TruthExaminer:
    """Counts with the true labels; what it gives a mode is sealed until the result is built.

    ``truth`` (n,) codes of the label universe; ``groups`` (n,) codes of samples that are not independent, or None.
    """

    truth: Int64
    groups: Int64 | None = None

    def metrics(self, rows: Int64, logits: Float32, rule: MetricRule) -> Sealed[Mapping[str, float]]:
        """Metrics of logits (rows, C)."""
        return Sealed(quick_metrics(logits, self.truth[rows], rule))

    def table(self, answer: Answer, by: Literal["class", "group"]) -> Sealed[ClassTable]:
        """What metrics and intervals of an answer are made of; ``by`` is what the bootstrap resamples."""
        units = self.groups[answer.rows] if by == "group" and self.groups is not None else answer.rows
        return Sealed(class_table(answer.rows, answer.probs, self.truth[answer.rows], units, answer.logits))

    def recalls(self, rows: Int64, vectors: Float32, bank: ClassBank, ks: Sequence[int]) -> Sealed[Mapping[str, float]]:
        """Recalls of the texts of a bank that search the samples ``rows`` with unit ``vectors`` (rows, d)."""
        return Sealed(text_to_image(vectors, self.truth[rows], bank, ks))
