"""Job ``detector``: a small detector of object types, trained on folders of YOLO and exported to ONNX."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.commands.options import note
from retrieval.export.encoder_graph import require_onnx
from training.checkpoint import BEST, open_run
from training.hardware import Hardware, resolve_hardware
from training.jobs.detector_augment import augment_with_boxes
from training.jobs.detector_data import load_boxed, read_detector_data
from training.jobs.detector_export import export
from training.jobs.detector_recipe import DetectorRecipe
from training.jobs.detector_score import detected, precision_by_class
from training.learner import LOSS, Learner
from training.loop import TrainingResult, fit
from training.optimisers import Optimisers, ScheduledOptimiser, decay_groups
from training.processes import rank, ranks, share_of
from training.schedule import Moment, cosine

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from retrieval.config import Config
    from retrieval.detectors.yolo_outputs import RawBoxes
    from retrieval.types import Float32, Int64, UInt8
    from training.data.training_data import TrainingData
    from training.jobs.detector_data import BoxedImages
    from training.jobs.detector_network import CellAnswers, DetectorNetwork
    from training.run_settings import RunSettings

SCORE = "map50"
"""The held-out metric by which weights are chosen: mean average precision at an overlap of .5."""

FOLDER = "detector"
"""Folder of the ONNX files in that of a run."""

_EVAL_BATCH = 32


class DetectorJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = DetectorRecipe

    def needs(self, recipe: DetectorRecipe) -> None:
        """Objects are read from the folders of the recipe."""

    def run(
        self,
        recipe: DetectorRecipe,
        data: TrainingData | None,  # noqa: ARG002 - a TrainingJob
        out: Path,
        run: RunSettings,
    ) -> TrainingResult:
        """Train; ``out/detector`` then has the best weights as ONNX files of both forms.

        Raises:
            MissingDependencyError: the packages that write ONNX files are not installed.
        """
        from training.jobs.detector_network import DetectorNetwork

        require_onnx()
        hardware = resolve_hardware(recipe.loop, run.device)
        objects = read_detector_data(recipe)
        open_run(out, recipe.model_dump(mode="json"))
        if not run.quiet:
            for text in objects.notes:
                note(text)
        train, val = (
            load_boxed(images, objects.classes, recipe.size, out / f"{split}.npy", f"{split} images", quiet=run.quiet)
            for split, images in (("train", objects.train), ("val", objects.val))
        )
        network = _seeded_network(DetectorNetwork, recipe, len(objects.classes))
        hardware.prepare(network)
        stage = DetectionStage(network, train, val, objects.classes, recipe, hardware)
        result = fit(Learner(network, SCORE, [stage], recipe.loop.ema), out, seed=recipe.loop.seed, run=run)
        if result.history and rank() == 0:
            export(out / FOLDER, out / BEST, recipe, objects, result)
        return result


def _seeded_network(kind: type[DetectorNetwork], recipe: DetectorRecipe, classes: int) -> DetectorNetwork:
    from retrieval.encoders.torch_encoder import seeded

    with seeded(recipe.loop.seed):
        return kind(classes, recipe.size, recipe.model)


class DetectionStage:
    """The only stage of the job."""

    name = "detection"

    def __init__(
        self,
        network: DetectorNetwork,
        train: BoxedImages,
        val: BoxedImages,
        classes: tuple[str, ...],
        recipe: DetectorRecipe,
        hardware: Hardware,
    ) -> None:
        """``network`` is on the device."""
        loop = recipe.loop
        self.epochs, self.patience, self.evaluate_every = loop.epochs, loop.patience, loop.evaluate_every
        self._network, self._train, self._val, self._classes = network, train, val, classes
        self._recipe, self._hardware = recipe, hardware
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """AdamW of all parameters, with a cosine schedule."""
        import torch

        loop, network = self._recipe.loop, self._network
        groups = decay_groups(network, loop.weight_decay)
        adamw = torch.optim.AdamW(groups, lr=loop.learning_rate, betas=(0.9, loop.beta_2))
        scheduled = ScheduledOptimiser(adamw, cosine(loop.warm_up, loop.final))
        scaler = self._hardware.scaler()
        self._optimisers = Optimisers({"adamw": scheduled}, loop.clip_norm, network.parameters(), scaler)
        return self._optimisers

    def images(self, batch: tuple[int, Int64]) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch[1])

    def batches(self, epoch: int) -> list[tuple[int, Int64]]:
        """Seed and rows of every batch; what remains beyond whole batches is left out of this epoch."""
        n, size = len(self._train.paths), self._recipe.batch
        order = np.random.default_rng([self._recipe.loop.seed, epoch]).permutation(n)
        count = max(1, n // size)
        return [(epoch * 1_000_003 + number, order[number * size : (number + 1) * size]) for number in range(count)]

    def share(self, batch: tuple[int, Int64]) -> tuple[int, Int64]:
        """See :class:`training.learner.DividesBatches`."""
        seed, rows = batch
        return seed * ranks() + rank(), share_of(rows)

    def sample_names(self, batch: tuple[int, Int64]) -> list[str]:
        """Files of the images of a batch."""
        return [str(self._train.paths[row]) for row in batch[1]]

    def step(self, batch: tuple[int, Int64], moment: Moment) -> dict[str, float]:
        """Take one step; with ``pieces``, the mean loss of the parts of the batch."""
        import torch

        seed, rows = batch
        generator = torch.Generator().manual_seed(self._recipe.loop.seed * 7_368_787 + seed)
        self._optimisers.zero_grad()
        sums: dict[str, float] = {}
        for part in np.array_split(rows, min(self._recipe.loop.pieces, len(rows))):
            losses = self._losses(part, generator)
            share = len(part) / len(rows)
            self._optimisers.backward(losses[LOSS] * share)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + share * float(value.detach())
        self._optimisers.step(moment)
        return sums

    def _losses(self, rows: Int64, generator: torch.Generator) -> dict[str, torch.Tensor]:
        from training.jobs.detector_loss import assign, detection_loss, padded

        data, recipe = self._train, self._recipe
        edges, classes = [data.edges[row] for row in rows], [data.classes[row] for row in rows]
        images = _channels_first(data.pixels[rows])
        images, edges, classes = augment_with_boxes(images, edges, classes, recipe.augmentation, generator)
        objects = padded(edges, classes).to(self._hardware.device)
        answers = self._answers(images)
        targets = assign(answers, objects, self._network.centres, recipe.loss)
        return detection_loss(answers, targets, recipe.loss.box_weight)

    def validate(self) -> dict[str, float]:
        """Mean and parts of the average precision of the held-out images."""
        answers: list[RawBoxes] = []
        for start in range(0, len(self._val.paths), _EVAL_BATCH):
            images = _channels_first(self._val.pixels[start : start + _EVAL_BATCH])
            answers += [detected(output, self._recipe.overlap) for output in self._outputs(images)]
        precision = precision_by_class(answers, self._val.edges, self._val.classes, len(self._classes))
        listed = zip(self._classes, precision, strict=True)
        named = {f"ap50 {name}": value for name, value in listed if not math.isnan(value)}
        return {SCORE: sum(named.values()) / len(named), **named}

    def _outputs(self, images: torch.Tensor) -> Float32:
        from training.jobs.detector_forms import as_anchors

        outputs: Float32 = as_anchors(self._answers(images)).cpu().numpy()
        return outputs

    def _answers(self, images: torch.Tensor) -> CellAnswers:
        with self._hardware.autocast():
            answers: CellAnswers = self._network(self._hardware.images(images))
        return answers


def _channels_first(pixels: UInt8) -> Any:
    import torch

    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255


JOB = DetectorJob()
