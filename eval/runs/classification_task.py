"""The task ``classification``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.registry import load_protocol
from eval.runs.compare_classification import ClassificationComparison, compare_classifications
from eval.runs.keep_assets import keep_assets
from eval.runs.prepare_classification import PreparedClassification, prepare_classification
from eval.runs.reading import stored_draws
from eval.runs.request import RequestInputs
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from eval.results.schema import EvalResult, TaskName
    from eval.runs.request import EvalRequest
    from retrieval.types.store import EmbeddingStore

SAMPLING = frozenset({"val_from", "train_limit", "val_n", "test_n", "draws", "labels_from", "combine"})
"""Options that are not needed again, since a result has a stored split set and a label universe."""


class ClassificationTask:
    """Classification over a label universe; see :class:`eval.runs.task.Task`."""

    name: TaskName = "classification"

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedClassification:
        """Resolve the label universe, the draws and the arms, and read their arrays."""
        return prepare_classification(store, request, inputs)

    def rerun_request(
        self, store: EmbeddingStore, request: EvalRequest, result: EvalResult, name: str
    ) -> tuple[EvalRequest, RequestInputs]:
        """Return the request on the stored split set and the label universe of the result, recorded as it was made.

        Raises:
            InputError: the store does not have the split set any more.
        """
        splits, universe = stored_draws(store, result), result.label_universe
        if splits is None or universe.names is None:
            raise InputError(
                f"The store does not have split set {result.provenance.split_set} of result {name} any more; evaluate "
                "again."
            )
        rule = load_protocol(request.protocol or "split")
        not_needed = SAMPLING | rule.options.option_names()
        options = {key: value for key, value in request.options.items() if key not in not_needed}
        rerun = request.model_copy(update={"options": options, "protocol": None, "split_set": None, "aspect": None})
        return rerun, RequestInputs(splits, universe=(universe.names, universe.origin or "all"), recorded=request)

    def compare(self, first: PreparedClassification, second: PreparedClassification) -> ClassificationComparison:
        """Compare two classifications sample by sample.

        Raises:
            InputError: test samples, label universes or definitions of metrics differ.
        """
        return compare_classifications(first, second)

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Check nothing: train and val may differ, and the rest is checked when both are prepared."""

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: PreparedClassification) -> None:
        """Write the predictions and the worst errors; see :mod:`eval.runs.keep_assets`."""
        keep_assets(store, path, prepared)


CLASSIFICATION = ClassificationTask()
