"""Job ``classifier``: a network of timm or torchvision, or the encoder of a space, and a linear layer on labels."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.commands.options import note
from retrieval.errors import InputError
from training.checkpoint import open_run
from training.data.training_data import DataNeeds
from training.export import TrainingRecord, write_bank, write_encoder
from training.hardware import resolve_hardware
from training.image_augment import ImageAugmentation
from training.jobs.classifier_recipe import ClassifierRecipe
from training.jobs.label_batches import KeptActivations
from training.jobs.label_export import layer_bank, load_best, record_of
from training.jobs.label_images import image_inputs
from training.jobs.label_metrics import SCORE, TIE
from training.jobs.label_stage import LabelPlan, LabelStage
from training.learner import Learner
from training.loop import TrainingResult, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from retrieval.config import Config
    from training.data.training_data import TrainingData
    from training.jobs.classifier_network import LinearClassifier
    from training.jobs.classifier_recipe import ClassifierModel
    from training.jobs.label_batches import LabelInputs
    from training.models.towers import ImageTower
    from training.run_settings import RunSettings


class ClassifierJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = ClassifierRecipe

    def needs(self, recipe: ClassifierRecipe) -> DataNeeds:  # noqa: ARG002 - a TrainingJob
        """Images and their labels."""
        return DataNeeds(repeats=True)

    def run(self, recipe: ClassifierRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train; leaves the encoder of the penultimate features, and the last layer as a bank of its space."""
        from training.jobs.classifier_network import LinearClassifier
        from training.models.freezing import freeze

        assert data is not None  # noqa: S101 - needs() asks for it
        hardware = resolve_hardware(recipe.loop, run.device)
        seed = recipe.loop.seed
        tower = classifier_tower(recipe.model, data, hardware.device, seed)
        freeze(tower, recipe.model.unfreeze)
        network = LinearClassifier(tower, len(data.classes), recipe.model.dropout, seed)
        hardware.prepare(network)
        plan = LabelPlan(recipe.loop, recipe.loss, recipe.batch, recipe.selection, recipe.batches, recipe.mixing)
        open_run(out, recipe.model_dump(mode="json"))
        with classifier_inputs(recipe, data, tower, network, out, quiet=run.quiet) as inputs:
            stage = LabelStage(network, data, inputs, plan, hardware)
            result = fit(Learner(network, SCORE, [stage], recipe.loop.ema, TIE), out, seed=seed, run=run)
        if result.history and not result.interrupted:
            record = record_of("classifier", recipe, recipe.data, data, result)
            export_classifier(out, record, tower, load_best(out))
        return result


@contextmanager
def classifier_inputs(
    recipe: ClassifierRecipe,
    data: TrainingData,
    tower: ImageTower,
    network: LinearClassifier,
    out: Path,
    *,
    quiet: bool,
) -> Iterator[LabelInputs]:
    """Images of the samples; with ``model.cache_frozen`` what the frozen layers make of them, and the network after.

    Raises:
        InputError: frozen layers should be kept, and nothing is frozen or all is, or the network cannot be divided.
    """
    from training.models.frozen_layers import NOT_AUGMENTED, compute_frozen

    if not recipe.model.cache_frozen:
        with image_inputs(data, tower.spec, recipe, out, quiet=quiet) as images:
            yield images
        return
    if not quiet:
        note(NOT_AUGMENTED)
    plain = recipe.model_copy(update={"augmentation": ImageAugmentation(crop="none", flip=False)})
    rows = np.concatenate([data.rows("train"), data.rows("val")])
    with image_inputs(data, tower.spec, plain, out, quiet=quiet) as images:
        layers = compute_frozen(tower, images.val, rows, data.ids.tolist(), out, group="model", quiet=quiet)
    network.begin_after(layers.split)
    yield KeptActivations(layers)


def classifier_tower(model: ClassifierModel, data: TrainingData, device: str, seed: int) -> ImageTower:
    """Load the network that a recipe names, or that of the encoder of the space.

    Raises:
        InputError: neither is given, or it cannot be trained.
        UnknownNameError: there is no such model, or it has no such weights.
        MissingFileError: there is no such file of weights.
        WeightsError: the weights do not fit the model.
    """
    from retrieval.encoders.registry import resolve
    from retrieval.encoders.request import EncoderRequest
    from training.models.towers import TRAINABLE, load_tower, tower_of

    if model.name is None:
        if data.space is None:
            raise InputError(
                "Name a model to train with `model.name`, such as timm/resnet18, or a `space` whose encoder is trained."
            )
        return load_tower(data.space, device)
    scratch = model.weights is None and ":" not in model.name and not Path(model.name).expanduser().exists()
    changes = tuple(f"{key}={_spelled(value)}" for key, value in model.preprocess.items())
    spec = resolve(EncoderRequest(model.name, model.weights, seed if scratch else None, changes, "fp32", device))
    if spec.family not in TRAINABLE:
        raise InputError(f"model.name={model.name}: encoders of the family {spec.family} cannot be trained here.")
    return tower_of(spec, device)


def _spelled(value: Any) -> str:
    """Write a value of the preprocessing as the command line takes it."""
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def export_classifier(
    out: Path, record: TrainingRecord, tower: ImageTower, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Write the encoder and the bank of the last layer.

    Args:
        out: folder of the run.
        record: the record.
        tower: the network.
        tensors: the best weights, under the names of :class:`training.jobs.classifier_network.LinearClassifier`.
    """
    from training.jobs.classifier_network import classifier_layer
    from training.models.export_network import export_network

    weights = {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}
    layer = classifier_layer(tower)
    if layer is not None:
        weights |= {f"{layer}.{part}": tensors[f"head.{part}"] for part in ("weight", "bias")}
    write_encoder(out, record, **export_network(tower, weights)._asdict())
    write_bank(out, layer_bank(f"classifier-{record.target}", "new", record.classes, tensors))


JOB = ClassifierJob()
