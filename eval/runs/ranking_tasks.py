"""The tasks ``ranking`` and ``verification``, which compare queries with the gallery of each draw."""

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
    """Ranking or verification of queries against a gallery; see :class:`eval.runs.task.Task`."""

    name: TaskName

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedRanking:
        """Resolve the protocol, make its draws, and read vectors and columns."""
        return prepare_ranking(store, request, inputs)

    def rerun_request(
        self,
        store: EmbeddingStore,
        request: EvalRequest,
        result: EvalResult,
        name: str,  # noqa: ARG002 - the interface has it
    ) -> tuple[EvalRequest, RequestInputs]:
        """Return the request, with the stored split set for the protocol ``fixed``; other protocols draw again.

        Raises:
            UnknownNameError: the protocol of the result does not exist.
        """
        rule = load_protocol(str(request.protocol))
        return request, RequestInputs(split_set=stored_draws(store, result) if rule.name == "fixed" else None)

    def compare(self, first: PreparedRanking, second: PreparedRanking) -> RankingComparison:
        """Compare two rankings query by query.

        Raises:
            InputError: the draws or the definitions of metrics differ, or the mode has no values per query.
        """
        return compare_rankings(first, second)

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Check that two results can be compared; see :func:`eval.runs.compare_ranking.check_rankings`."""
        check_rankings(first, second)

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: PreparedRanking) -> None:
        """Write nothing: rankings are recomputed from the store."""


RANKING = RankingTask("ranking")
VERIFICATION = RankingTask("verification")
