"""Job ``coop``: prompts with learned vectors, trained on stored image vectors (Zhou et al. 2022, IJCV, CoOp)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from retrieval.console import plain_console
from retrieval.errors import InputError
from retrieval.files import write_atomically
from training.checkpoint import BEST, open_run
from training.data.training_data import DataNeeds, RepeatedRows
from training.export import TrainedBank, TrainingRecord, write_bank, write_record
from training.jobs.coop_classes import PromptedClasses, prompted_classes
from training.jobs.coop_recipe import CoopRecipe
from training.jobs.coop_stage import METRICS, SCORE, TIE, PromptSamples, PromptStage
from training.jobs.coop_words import NearWords, nearest_words, words_table
from training.learner import Learner
from training.loop import TrainingResult, fit
from training.models.context_prompts import place_context, word_vectors
from training.models.towers import load_tower, require_text

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from retrieval.config import Config
    from retrieval.types import Float32, SpaceInfo
    from training.data.training_data import TrainingData
    from training.models.text_tower import TextTower
    from training.run_settings import RunSettings

BASE_NAMES, NEW_NAMES = "base_classes.txt", "new_classes.txt"
"""Files with the names of the classes that were trained on, and of the others, for ``eval -o labels_from=FILE``."""


class CoopJob:
    """See :class:`training.registry.TrainingJob`. It leaves a bank of learned prompts and no encoder."""

    recipe: type[Config] = CoopRecipe

    def needs(self, recipe: CoopRecipe) -> DataNeeds:
        """Stored vectors of the space, and no image."""
        return DataNeeds(images=False, views=recipe.views, repeats=True)

    def run(self, recipe: CoopRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train; ``out/banks`` has the learned prompts of all classes as a bank of the parent space."""
        import torch
        from safetensors.torch import load_file

        if data is None or data.space is None:
            raise InputError("The job coop trains on the stored vectors of a space; name `store` and `space`.")
        classes = prompted_classes(recipe, data)
        samples = _samples_of(recipe, data, classes)
        tower = _text_tower(data.space, run.device)
        context = _first_context(recipe, tower, classes)
        prompts = place_context(tower, classes.texts, context.shape[-2], recipe.context.place)
        open_run(out, recipe.model_dump(mode="json"))
        model = torch.nn.ParameterDict({"context": torch.nn.Parameter(context)})
        stage = PromptStage(model, tower, prompts, classes, samples, recipe)
        result = fit(Learner(model, SCORE, [stage], tie=TIE), out, seed=recipe.loop.seed, run=run)
        if result.history and not result.interrupted:
            model.load_state_dict(load_file(out / BEST))
            write_bank(out, _bank(recipe, classes, context.shape[-2], stage.text_vectors(), 1 / stage.scale))
            near = nearest_words(tower, model["context"], classes.names)
            write_record(out, _record(recipe, data, classes, result, near))
            _write_names(out, classes)
            if not run.quiet:
                plain_console().print(words_table(near))
        return result


def _text_tower(space: SpaceInfo, device: str) -> TextTower:
    """Load the text tower of a space's encoder, its parameters frozen.

    Raises:
        InputError: the space was imported, or its encoder has none.
    """
    from retrieval.encoders.precision import choose_device

    tower = require_text(load_tower(space, choose_device(device), "open_clip"), "The job coop")
    for parameter in (*tower.parameters().values(), tower.scale):
        parameter.requires_grad_(False)
    return tower


def _samples_of(recipe: CoopRecipe, data: TrainingData, classes: PromptedClasses) -> PromptSamples:
    """The samples of classes that are trained on, with their stored vectors.

    Raises:
        InputError: there is no train sample of any of them.
    """
    code = classes.code[data.target]
    trained = (code >= 0) & (code < classes.trained)
    repeats = tuple(RepeatedRows(rows[trained[rows]], extra) for rows, extra in data.repeats if trained[rows].any())
    part = replace(data, role=np.where(trained, data.role, ""), repeats=repeats)
    if not len(part.rows("train")):
        raise InputError("No train sample is of a class of base_classes; name other classes, or leave it out.")
    return PromptSamples(part, code, np.stack([data.vectors[view].vectors for view in recipe.views]))


def _first_context(recipe: CoopRecipe, tower: TextTower, classes: PromptedClasses) -> torch.Tensor:
    """The vectors before training: (M, width), or (classes, M, width)."""
    import torch

    how = recipe.context
    shape = (classes.trained,) if how.kind == "class" else ()
    if how.words is not None:
        vectors = word_vectors(tower, how.words)
        return vectors.expand(*shape, *vectors.shape).clone()
    generator = torch.Generator().manual_seed(recipe.loop.seed)
    drawn = how.deviation * torch.randn(*shape, how.tokens, tower.width, generator=generator)
    return drawn.to(tower.scale.device)


def _bank(recipe: CoopRecipe, classes: PromptedClasses, size: int, vectors: Float32, temperature: float) -> TrainedBank:
    before = size if recipe.context.place == "end" else size // 2
    marks = [f"[{count} learned]" if count else "" for count in (before, size - before)]
    return TrainedBank(
        recipe.bank,
        "learned-prompts",
        "parent",
        vectors,
        np.arange(len(vectors)),
        np.array([classes.names[at] for at in classes.owner], np.str_),
        temperature=temperature,
        texts=tuple(" ".join(filter(None, (marks[0], text, marks[1]))) for text in classes.texts),
    )


def _record(
    recipe: CoopRecipe, data: TrainingData, classes: PromptedClasses, result: TrainingResult, near: list[NearWords]
) -> TrainingRecord:
    line = next(line for line in result.history if line["epoch"] == result.best_epoch)
    return TrainingRecord(
        job="coop",
        recipe=recipe.model_dump(mode="json"),
        parent=data.space,
        target=recipe.data.target or "label",
        classes=classes.names[: classes.trained],
        best_epoch=result.best_epoch,
        metrics={name: line[name] for name in METRICS if name in line},
        details={"nearest_words": [one._asdict() for one in near], "new_classes": classes.names[classes.trained :]},
    )


def _write_names(out: Path, classes: PromptedClasses) -> None:
    """Write the names of both halves, where only some classes were trained on."""
    new = classes.names[classes.trained :]
    if new:
        write_atomically(out / BASE_NAMES, "".join(f"{name}\n" for name in classes.names[: classes.trained]))
        write_atomically(out / NEW_NAMES, "".join(f"{name}\n" for name in new))


JOB = CoopJob()
