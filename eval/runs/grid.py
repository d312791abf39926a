"""Evaluates all pairs of a space and a prompt set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.runs.arms import read_prompt_files
from eval.runs.request import RequestInputs
from eval.runs.run import EvaluationRun, evaluate_request
from eval.runs.tasks import task_of
from retrieval.errors import InputError, VitrineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eval.runs.request import EvalRequest
    from retrieval.types.store import EmbeddingStore

ALL = "all"


def evaluate_grid(store: EmbeddingStore, request: EvalRequest, say: Callable[[str], None]) -> Iterator[EvaluationRun]:
    """Evaluate every space of a store with every prompt set.

    Spaces that cannot be evaluated, for example without a text tower, are skipped.

    Args:
        store: where spaces and samples are.
        request: a request of a classification; its space is ignored.
        say: gets a sentence for every space that is skipped.

    Raises:
        InputError: the request has arms or another task, or no space can be evaluated.
    """
    if request.arms or task_of(request.mode).name != "classification":
        raise InputError("`space=all` is for modes of classification with one arm, such as zeroshot.")
    with store.snapshot() as snapshot:
        spaces = snapshot.spaces
    sets = read_prompt_files(request.prompts, combine=bool(request.options.get("combine")))
    inputs_by_set = [RequestInputs(prompt_sets=(prompts,)) for prompts in sets] or [RequestInputs()]
    count = 0
    for space in spaces:
        for inputs in inputs_by_set:
            space_request = request.model_copy(update={"space": space.fingerprint, "prompts": ()})
            try:
                evaluated = evaluate_request(store, space_request, inputs, say)
            except VitrineError as error:
                say(f"Passed over {space.name}: {error}")
                continue
            count += 1
            yield evaluated
    if not count:
        raise InputError("None of the spaces could be evaluated; the reasons are above.")
