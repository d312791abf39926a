"""The grid of models and prompt sets: one evaluation for each pair."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from eval.registry import load_mode
from eval.runs.arms import read_prompt_files
from eval.runs.prepare_classification import is_class_mode
from eval.runs.run import Evaluated, evaluate_asked
from retrieval.errors import InputError, VitrineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eval.prompts.sets import PromptSet
    from eval.runs.request import Asked
    from retrieval.types.store import EmbeddingStore

ALL = "all"


def evaluate_grid(store: EmbeddingStore, asked: Asked, say: Callable[[str], None]) -> Iterator[Evaluated]:
    """Evaluate every space of a store, with every prompt set by itself.

    A space that cannot answer (it has no text tower, or no vectors of these samples) is named and passed over.

    Raises:
        InputError: the mode names its spaces by arms, or no space can answer.
    """
    if asked.arms or not is_class_mode(load_mode(asked.mode)):
        raise InputError("--space all is for modes of classification with one arm, such as zeroshot.")
    with store.snapshot() as snapshot:
        spaces = snapshot.spaces
    sets = (*asked.prompt_sets, *read_prompt_files(asked.prompts, combine=bool(asked.options.get("combine"))))
    each_alone: list[tuple[PromptSet, ...]] = [(one,) for one in sets] or [()]
    done = 0
    for space in spaces:
        for each in each_alone:
            try:
                found = evaluate_asked(
                    store, replace(asked, space=space.fingerprint, prompts=(), prompt_sets=each), say
                )
            except VitrineError as error:
                say(f"Passed over {space.name}: {error}")
                continue
            done += 1
            yield found
    if not done:
        raise InputError("None of the spaces could be evaluated; the reasons are above.")
