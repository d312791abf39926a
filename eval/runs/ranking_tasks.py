"""The tasks ``ranking`` and ``verification``: both are over queries and galleries of a protocol's draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.registry import load_protocol
from eval.runs.compare_ranking import RankingComparison, check_rankings, compare_rankings
from eval.runs.prepare_ranking import PreparedRanking, prepare_ranking
from eval.runs.reading import stored_draws
from eval.runs.request import RequestInputs

if TYPE_CHECKING:
    from pathlib import Path

    from eval.results.schema import EvalResult, TaskName
    from eval.runs.request import EvalRequest
    from retrieval.types.store import EmbeddingStore


@dataclass(frozen=True, slots=True)
class RankingTask:
    """Queries against galleries; see :class:`eval.runs.task.Task`."""

    name: TaskName

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedRanking:
        """Settle the protocol, draw, and read vectors and columns."""
        return prepare_ranking(store, request, inputs)

    def again(
        self,
        store: EmbeddingStore,
        request: EvalRequest,
        result: EvalResult,
        name: str,  # noqa: ARG002 - the seam's signature
    ) -> tuple[EvalRequest, RequestInputs]:
        """The request, and the stored draws where no seed made them; other protocols draw again.

        Raises:
            UnknownNameError: the protocol of result ``name`` does not exist.
        """
        rule = load_protocol(str(request.protocol))
        return request, RequestInputs(split_set=stored_draws(store, result) if rule.name == "fixed" else None)

    def compare(self, first: PreparedRanking, second: PreparedRanking) -> RankingComparison:
        """Compare query by query.

        Raises:
            InputError: the draws differ, a metric is defined differently, or the mode has no values per query.
        """
        return compare_rankings(first, second)

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Refuse results of other samples; see :func:`eval.runs.compare_ranking.check_rankings`."""
        check_rankings(first, second)

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: PreparedRanking) -> None:
        """Nothing: rankings are made again from the store."""


RANKING = RankingTask("ranking")
VERIFICATION = RankingTask("verification")
