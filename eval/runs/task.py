"""Interface of tasks (kinds of evaluation): classification, ranking and verification implement it."""

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


class PreparedEvaluation(Protocol):
    """An evaluation that is ready to compute: names are resolved, draws are made, arrays are read.

    Attributes:
        request: the request with its names resolved.
        protocol: name of the protocol, or ``custom``.
        departs_from: protocol whose options a custom protocol changes, else None.
        parts: part name to its split set.
        splits: split set of all parts.
        spaces: spaces of the vectors.
        store_version: version of the store that was read.
        recorded_options: options of protocol and request for ``config`` of the result, beside those of the mode.
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
    def recorded_options(self) -> Mapping[str, Any]: ...

    def evaluate(self) -> Evaluation:
        """Compute the evaluation. Repeated calls give equal values.

        Raises:
            InputError: a metric cannot be computed from these samples.
            TestDataError: a setting would have to be chosen on test samples.
        """
        ...


P = TypeVar("P", bound=PreparedEvaluation)


class Task(Protocol[P]):
    """A kind of evaluation: it prepares requests, repeats results, compares, and writes assets."""

    @property
    def name(self) -> TaskName: ...

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> P:
        """Resolve the names of a request, make its draws and read its arrays.

        Raises:
            VitrineError: as :func:`eval.api.evaluate`.
        """
        ...

    def rerun_request(
        self, store: EmbeddingStore, request: EvalRequest, result: EvalResult, name: str
    ) -> tuple[EvalRequest, RequestInputs]:
        """Return the request and inputs that repeat a result on the same draws and classes.

        Args:
            store: where the result was made.
            request: the request of the result.
            result: the result.
            name: name of the result in messages.

        Raises:
            InputError: the store does not have the draws any more.
        """
        ...

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Check that two results can be paired, before the store is read.

        Raises:
            InputError: they are over different samples or label universes.
        """
        ...

    def compare(self, first: P, second: P) -> Comparison:
        """Compare two evaluations of this task.

        Raises:
            InputError: the draws or the definitions of metrics differ.
        """
        ...

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: P) -> None:
        """Write the assets of the result file ``path``, if the task has any."""
        ...
