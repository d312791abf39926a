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
"""Options that are settled in the stored split set and in the universe of a result."""


class ClassificationTask:
    """Which class is it; see :class:`eval.runs.task.Task`."""

    name: TaskName = "classification"

    def prepare(self, store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedClassification:
        """Settle universe, draws and arms, and read them."""
        return prepare_classification(store, request, inputs)

    def again(
        self, store: EmbeddingStore, request: EvalRequest, result: EvalResult, name: str
    ) -> tuple[EvalRequest, RequestInputs]:
        """The request on the stored draws and over the classes of the result.

        Raises:
            InputError: the store does not have the draws any more.
        """
        splits, universe = stored_draws(store, result), result.label_universe
        if splits is None or universe.names is None:
            raise InputError(
                f"The store does not have split set {result.provenance.split_set} of result {name} any more; evaluate "
                "again."
            )
        rule = load_protocol(request.protocol or "split")
        settled = SAMPLING | rule.options.option_names()
        options = {key: value for key, value in request.options.items() if key not in settled}
        drawn = request.model_copy(update={"options": options, "protocol": None, "split_set": None, "aspect": None})
        return drawn, RequestInputs(split_set=splits, universe=(universe.names, universe.origin or "all"))

    def compare(self, first: PreparedClassification, second: PreparedClassification) -> ClassificationComparison:
        """Compare sample by sample.

        Raises:
            InputError: test samples, classes or definitions differ.
        """
        return compare_classifications(first, second)

    def check_results(self, first: EvalResult, second: EvalResult) -> None:
        """Nothing: train and val may differ, and what must not is known when both are prepared."""

    def keep_assets(self, store: EmbeddingStore, path: Path, prepared: PreparedClassification) -> None:
        """Write predictions and the worst errors; see :mod:`eval.runs.keep_assets`."""
        keep_assets(store, path, prepared)


CLASSIFICATION = ClassificationTask()
