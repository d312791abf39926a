"""The seam of tasks: what differs between a classification, a ranking and a verification of a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from eval.results.schema import EvalResult, Evaluation, TaskName
    from eval.runs.request import EvalRequest, RequestInputs
    from eval.statistics.paired_comparison import Comparison
    from retrieval.types import SpaceInfo, SplitSet
    from retrieval.types.store import EmbeddingStore


class Prepared(Protocol):
    """An evaluation that only has to be computed: what was read, drawn and settled for it.

    ``request`` has its names resolved. ``parts`` are the split sets of the parts, ``splits`` that of the whole.
    ``departs_from`` is the protocol whose options a custom one changes, else None. ``recorded`` are options of the
    protocol and the request that a result's ``config`` says beside those of the mode.
    """

    @property
    def request(self) -> EvalRequest: ...

    @property
    def protocol(self) -> str: ...

    @property
    def departs_from(self) -> str | None: ...

    @property
    def parts(self) -> Mapping[str, SplitSet]: ...

    @property
    def splits(self) -> SplitSet: ...

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]: ...

    @property
    def store_version(self) -> int: ...

    @property
    def recorded(self) -> Mapping[str, Any]: ...

    def evaluate(self) -> Evaluation:
        """Compute; the same prepared evaluation gives the same values.

        Raises:
            InputError: no honest number can be made.
            TestDataError: something would have to be chosen on test data.
        """
        ...


P = TypeVar("P", bound=Prepared)


class Task(Protocol[P]):
    """A kind of evaluation: it prepares, goes back from a result, compares, and keeps assets."""

    @property
    def name(self) -> TaskName: ...

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> P:
        """Read and draw what an evaluation needs; raises what :func:`eval.api.evaluate` does."""
        ...

    def again(
        self, store: EmbeddingStore, request: EvalRequest, result: EvalResult, name: str
    ) -> tuple[EvalRequest, RequestInputs]:
        """What to ask for to make a result again, on the draws and classes that were settled then.

        Args:
            store: where it was made.
            request: the request of the result.
            result: the result.
            name: of the result, in messages.

        Raises:
            InputError: the store does not have them any more.
        """
        ...

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Refuse two result files that cannot be paired, before anything is read.

        Raises:
            InputError: they are over different samples or names.
        """
        ...

    def compare(self, first: P, second: P) -> Comparison:
        """Compare two evaluations of this task.

        Raises:
            InputError: they are not over the same draws, or measure differently.
        """
        ...

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: P) -> None:
        """Write what belongs beside the result file ``path``, if anything."""
        ...
