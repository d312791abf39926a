"""The grid of models and prompt sets: one evaluation for each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.runs.arms import read_prompt_files
from eval.runs.request import RequestInputs
from eval.runs.run import Evaluated, evaluate_request
from eval.runs.tasks import task_of
from retrieval.errors import InputError, VitrineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eval.runs.request import EvalRequest
    from retrieval.types.store import EmbeddingStore

ALL = "all"


def evaluate_grid(store: EmbeddingStore, request: EvalRequest, say: Callable[[str], None]) -> Iterator[Evaluated]:
    """Evaluate every space of a store, with every prompt set by itself.

    A space that cannot answer (it has no text tower, or no vectors of these samples) is named and passed over.

    Raises:
        InputError: the mode names its spaces by arms, or no space can answer.
    """
    if request.arms or task_of(request.mode).name != "classification":
        raise InputError("`space=all` is for modes of classification with one arm, such as zeroshot.")
    with store.snapshot() as snapshot:
        spaces = snapshot.spaces
    sets = read_prompt_files(request.prompts, combine=bool(request.options.get("combine")))
    alone = [RequestInputs(prompt_sets=(one,)) for one in sets] or [RequestInputs()]
    done = 0
    for space in spaces:
        for inputs in alone:
            here = request.model_copy(update={"space": space.fingerprint, "prompts": ()})
            try:
                evaluated = evaluate_request(store, here, inputs, say)
            except VitrineError as error:
                say(f"Passed over {space.name}: {error}")
                continue
            done += 1
            yield evaluated
    if not done:
        raise InputError("None of the spaces could be evaluated; the reasons are above.")
