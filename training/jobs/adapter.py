"""Job ``adapter``: trains on the stored vectors of a space, and opens no image.

A matrix (``rla``, ``prolip``) makes a new space: parent encoder, then matrix, then L2. A head (``gda``, ``lp++``,
``clap``) is a bank of kind classifier of the space itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.commands.options import note
from retrieval.encoders.adapter import MATRIX, PARENT, parent_json, with_length
from retrieval.encoders.adapter_encoder import adapter_model
from retrieval.errors import InputError
from retrieval.types import PREPROJ
from training.checkpoint import BEST, open_run
from training.data.training_data import DataNeeds
from training.export import TrainedBank, TrainingRecord, write_bank, write_encoder, write_record
from training.jobs.adapter_data import BASE, AdapterData, adapter_data
from training.jobs.adapter_heads import HeadStage, head_fit, head_model
from training.jobs.adapter_matrix import SCORE, MatrixStage, matrix_model
from training.jobs.adapter_recipe import AdapterRecipe
from training.learner import Learner
from training.loop import TrainingResult, fit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.config import Config
    from retrieval.types import Float32, SpaceInfo
    from training.data.training_data import TrainingData
    from training.run_settings import RunSettings

LABEL = "label"
PROTOTYPES = "prototypes"


class AdapterJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = AdapterRecipe

    def needs(self, recipe: AdapterRecipe) -> DataNeeds:
        """Stored vectors alone."""
        return DataNeeds(images=False, views=tuple(dict.fromkeys((BASE, _view(recipe)))), target=LABEL)

    def run(self, recipe: AdapterRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train; ``out/encoder`` is then an encoder of the family ``adapter``, or ``out/banks`` has the head."""
        if data is None or data.space is None:
            raise InputError("An adapter is trained on stored vectors; name a `space`.")
        samples = adapter_data(data, recipe, _view(recipe))
        if not run.quiet:
            for text in samples.notes:
                note(text)
        if recipe.method in ("rla", "prolip"):
            return _train_matrix(recipe, data, data.space, samples, out, run)
        return _fit_head(recipe, data, samples, out, run)


def _view(recipe: AdapterRecipe) -> str:
    return PREPROJ if recipe.method == "prolip" else BASE


def _train_matrix(
    recipe: AdapterRecipe, data: TrainingData, space: SpaceInfo, samples: AdapterData, out: Path, run: RunSettings
) -> TrainingResult:
    from safetensors.torch import load_file

    from retrieval.encoders.precision import choose_device

    device = choose_device(run.device)
    start = _start(recipe, space)
    bias = start.shape[1] - samples.vectors.shape[1]  # number of columns
    if bias:
        samples = replace(samples, vectors=with_length(data.vectors[_view(recipe)]))
    open_run(out, recipe.model_dump(mode="json"))
    model = matrix_model(start).to(device)
    stage = MatrixStage(recipe.method, model, samples, recipe.matrix, device, bias)
    result = fit(Learner(model, SCORE, [stage]), out, seed=recipe.matrix.seed, run=run)
    if result.interrupted:
        return result
    write_encoder(
        out,
        _record(recipe, data, result),
        family="adapter",
        model=adapter_model(space.spec, recipe.method),
        preprocess=space.spec.preprocess,
        weights={MATRIX: load_file(out / BEST)[MATRIX]},
        files={PARENT: parent_json(space.spec, _view(recipe))},
    )
    if samples.classes.bank is None:
        write_bank(out, _prototypes(samples))
    return result


def _start(recipe: AdapterRecipe, space: SpaceInfo) -> Float32:
    """The matrix (d, d of the view) that training starts from; with one column more for a bias.

    Raises:
        InputError: ``prolip``, and the projection of the space's encoder is no matrix.
        MissingFileError, WeightsError, NetworkError: ``prolip``, and the encoder cannot be loaded.
    """
    if recipe.method != "prolip":
        return np.eye(space.dimension, dtype=np.float32)
    from retrieval.encoders.projection import projection_matrix
    from retrieval.encoders.registry import load

    return projection_matrix(load(space.spec, "cpu"))


def _prototypes(samples: AdapterData) -> TrainedBank:
    """The class means that the matrix was trained for, as a bank of the new space."""
    codes = np.flatnonzero(samples.classes.has_vector)
    return _bank(PROTOTYPES, "prototypes", "new", samples, samples.classes.vectors[codes], codes,
                 temperature=1 / samples.classes.scale)  # fmt: skip


def _fit_head(
    recipe: AdapterRecipe, data: TrainingData, samples: AdapterData, out: Path, run: RunSettings
) -> TrainingResult:
    from safetensors.numpy import load_file

    prepared = head_fit(samples, recipe)
    if not run.quiet:
        for text in prepared.notes:
            note(text)
    open_run(out, recipe.model_dump(mode="json"))
    model = head_model(len(prepared.classes), samples.vectors.shape[1])
    stage = HeadStage(recipe.method, model, samples, prepared)
    result = fit(Learner(model, SCORE, [stage]), out, seed=recipe.matrix.seed, run=run)
    if result.interrupted:
        return result
    arrays = load_file(out / BEST)
    head = _bank(recipe.name or recipe.method, "classifier", "parent", samples, arrays["weights"], prepared.classes,
                 temperature=1.0, bias=arrays["bias"])  # fmt: skip
    write_bank(out, head)
    write_record(out, _record(recipe, data, result))
    return result


def _bank(name: str, kind: Any, owner: Any, samples: AdapterData, vectors: Any, codes: Any, **more: Any) -> TrainedBank:
    """A bank with one vector for each of some classes."""
    names = np.array([samples.names[code] for code in codes], np.str_)
    return TrainedBank(name, kind, owner, vectors, np.arange(len(codes)), names, **more)


def _record(recipe: AdapterRecipe, data: TrainingData, result: TrainingResult) -> TrainingRecord:
    best = next(line for line in result.history if line["epoch"] == result.best_epoch)
    return TrainingRecord(
        job="adapter",
        recipe=recipe.model_dump(mode="json"),
        parent=data.space,
        target=recipe.data.target or LABEL,
        classes=data.classes,
        best_epoch=result.best_epoch,
        metrics={name: best[name] for name in ("loss", "top1", SCORE) if name in best},
    )


JOB = AdapterJob()
