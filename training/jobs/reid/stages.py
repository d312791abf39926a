"""The two stages of the job ``reid``: words of identities, then images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.jobs.reid.groups import image_groups, make_optimisers, prompt_groups
from training.jobs.reid.held_out import held_out_metrics
from training.jobs.reid.objective import ReidObjective, both_ways, compared
from training.jobs.reid.samples import ReidBatch, ReidSamples
from training.learner import LOSS
from training.models.frozen_layers import compute_frozen
from training.optimisers import Optimisers
from training.sampling import identity_batches, shuffled_batches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from retrieval.types import Float32, Int64
    from training.hardware import Hardware
    from training.jobs.reid.network import ReidNetwork
    from training.jobs.reid.recipe import ReidRecipe
    from training.models.frozen_layers import FrozenLayers
    from training.models.towers import TowerFeatures
    from training.schedule import Moment

EVAL_BATCH = 128
"""Images in a forward pass without gradients."""


class WordsStage:
    """Learns the words of identities on features of the training images, all else frozen (CLIP-ReID, first stage)."""

    name = "prompts"
    patience = 0

    def __init__(self, network: ReidNetwork, samples: ReidSamples, recipe: ReidRecipe, hardware: Hardware) -> None:
        self.epochs = recipe.prompt_stage.epochs
        self._network, self._samples, self._recipe = network, samples, recipe
        self._hardware = hardware
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """Extract the features of the images, once and without augmentation, and make the optimiser of the words."""
        import torch

        stage, network = self._recipe.prompt_stage, self._network
        groups = prompt_groups(network, stage)
        network.module.eval()
        rows = self._samples.train
        with torch.no_grad():
            self._features = torch.cat(
                [self._images(part) for part in np.split(rows, range(EVAL_BATCH, len(rows), EVAL_BATCH))]
            )
        schedule = stage.schedule.rates(stage.epochs)
        self._optimisers = make_optimisers(
            network, groups, stage.optimiser, schedule, stage.max_norm, scaler=self._hardware.scaler()
        )
        return self._optimisers

    def _images(self, rows: Int64) -> torch.Tensor:
        proj = forward(self._network, self._samples, rows, self._hardware).proj
        if proj is None:
            raise ValueError("a network with a text tower has a projection")
        return proj

    def batches(self, epoch: int) -> list[ReidBatch]:
        """Positions of the training rows in random order, in batches of one size; the last may be smaller."""
        places, size = np.arange(len(self._samples.train)), self._recipe.prompt_stage.batch
        drawn = shuffled_batches(places, size, self._recipe.seed, epoch, keep_rest=True)
        return numbered(drawn, epoch)

    def images(self, batch: ReidBatch) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch.share)

    def share(self, batch: ReidBatch) -> ReidBatch:
        """See :class:`training.learner.DividesBatches`."""
        return batch.divided()

    def sample_names(self, batch: ReidBatch) -> list[str]:
        """See :class:`training.learner.NamesSamples`."""
        return [self._samples.ids[row] for row in self._samples.train[batch.rows]]

    def step(self, batch: ReidBatch, moment: Moment) -> dict[str, float]:
        """Take one step on the contrastive loss both ways; each process computes the texts of its share."""
        import torch

        network, how = self._network, self._recipe.prompts
        network.tower.network.eval()
        generator = torch.Generator().manual_seed(self._recipe.seed * 7_368_787 + batch.seed)
        target = torch.from_numpy(self._samples.identity[self._samples.train[batch.rows]]).to(network.tower.device)
        template = int(torch.randint(len(network.templates), (1,), generator=generator))
        self._optimisers.zero_grad()
        images = compared(self._features[torch.from_numpy(batch.rows)], normalise=how.normalise)
        texts = batch.joined(network.text_features(target[torch.from_numpy(batch.share)], template))
        texts = compared(texts, normalise=how.normalise)
        loss = both_ways(images, texts, target, how.temperature)
        self._optimisers.backward(loss)
        self._optimisers.step(moment)
        return {LOSS: float(loss.detach())}

    def validate(self) -> dict[str, float]:
        """Nothing: held-out identities have no words."""
        return {}


class ImageStage:
    """Trains the image network on batches of some images of some identities; words of identities are frozen."""

    name = "images"

    def __init__(
        self,
        network: ReidNetwork,
        samples: ReidSamples,
        recipe: ReidRecipe,
        hardware: Hardware,
        *,
        two_stages: bool,
        out: Path | None = None,
        quiet: bool = True,
    ) -> None:
        """``out`` is the folder of the run, for frozen layers that are kept."""
        import torch

        self.epochs, self.patience = recipe.image_stage.epochs, recipe.image_stage.patience
        self._network, self._samples, self._recipe = network, samples, recipe
        self._hardware = hardware
        self._losses = recipe.losses_of(two_stages=two_stages)
        counts = torch.from_numpy(samples.counts).to(network.tower.device)
        self._out, self._quiet = out, quiet
        self._frozen: FrozenLayers | None = None
        self._objective = ReidObjective(self._losses, recipe.prompts, counts, arcface_counts=not recipe.original_faults)
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """Compute the fixed text features, unless a checkpoint has them, and make the optimisers."""
        stage, network = self._recipe.image_stage, self._network
        if network.words is not None and not bool(network.texts.any()):
            self._fix_texts()
        groups = image_groups(network, self._recipe)
        if stage.cache_frozen and self._out is not None and self._frozen is None:
            self._frozen = self._frozen_layers(self._out)
        center_rate = self._losses.center_rate if self._losses.center else None
        schedule = stage.schedule.rates(stage.epochs)
        self._optimisers = make_optimisers(
            network,
            groups,
            stage.optimiser,
            schedule,
            stage.max_norm,
            center_rate=center_rate,
            scaler=self._hardware.scaler(),
        )
        return self._optimisers

    def _frozen_layers(self, out: Path) -> FrozenLayers:
        samples = self._samples
        return compute_frozen(
            self._network.tower,
            lambda rows: samples.normalised(samples.images.plain(rows)),
            np.concatenate([samples.train, samples.held_out]),
            samples.ids,
            out,
            group="image_stage",
            quiet=self._quiet,
        )

    def _fix_texts(self) -> None:
        import torch

        network = self._network
        network.module.eval()
        with torch.no_grad():
            for template, texts in enumerate(network.texts):
                for rows in torch.split(torch.arange(len(texts)), EVAL_BATCH):
                    texts[rows] = network.text_features(rows.to(texts.device), template)

    def batches(self, epoch: int) -> list[ReidBatch]:
        """Rows of every batch: some images of some identities."""
        stage, samples = self._recipe.image_stage, self._samples
        codes = samples.identity[samples.train]
        drawn = identity_batches(samples.train, codes, stage.identities, stage.images, self._recipe.seed, epoch)
        samples.images.begin(epoch, drawn)
        return numbered(drawn, epoch)

    def images(self, batch: ReidBatch) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch.share)

    def share(self, batch: ReidBatch) -> ReidBatch:
        """See :class:`training.learner.DividesBatches`."""
        return batch.divided()

    def sample_names(self, batch: ReidBatch) -> list[str]:
        """See :class:`training.learner.NamesSamples`."""
        return [self._samples.ids[row] for row in batch.rows]

    def step(self, batch: ReidBatch, moment: Moment) -> dict[str, float]:
        """Take one step on the sum of the losses; each process computes the features of its share."""
        import torch

        network, samples = self._network, self._samples
        generator = torch.Generator().manual_seed(self._recipe.seed * 7_368_787 + batch.seed)
        target = torch.from_numpy(samples.identity[batch.rows]).to(network.tower.device)
        self._optimisers.zero_grad()
        features = self._features(batch)
        live, texts = self._texts(target, generator)
        loss, parts = self._objective(network, features, target, live, texts)
        self._optimisers.backward(loss)
        self._optimisers.step(moment, before=self._center_gradient)
        return {LOSS: float(loss.detach()), **{name: float(part.detach()) for name, part in parts.items()}}

    def _texts(
        self, target: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Text features of the identities of a batch, and the fixed ones of all, with one random template."""
        import torch

        network = self._network
        if network.words is None or not self._losses.of_texts:
            return None, None
        template = int(torch.randint(len(network.templates), (1,), generator=generator))
        texts = network.texts[template]
        if not self._losses.supcon:
            return None, texts
        if self._recipe.image_stage.rates.text is None:
            return texts[target], texts
        identities, places = torch.unique(target, return_inverse=True)
        return network.text_features(identities, template)[places], texts

    def _center_gradient(self) -> None:
        if self._losses.center:
            self._objective.set_center_gradient(self._network.centers)

    def validate(self) -> dict[str, float]:
        """Rank-1 and mean average precision of held-out identities; empty if there are none with two images."""
        rows = self._samples.held_out
        if not len(rows):
            return {}
        vectors = self.vectors(rows)
        identities = self._samples.held_out_identity[rows]
        return held_out_metrics(vectors, identities, self._recipe.held_out, self._recipe.seed)

    def vectors(self, rows: Int64) -> Float32:
        """Vectors (m, d) of samples as the trained encoder gives them, of length 1."""
        import torch
        from torch.nn.functional import normalize

        parts = np.split(rows, range(EVAL_BATCH, len(rows), EVAL_BATCH))
        with torch.no_grad():
            raw = [retrieval_vectors(self._plain_features(part)) for part in parts]
        vectors: Float32 = normalize(torch.cat(raw), dim=1).cpu().numpy()
        return vectors

    def _features(self, batch: ReidBatch) -> TowerFeatures:
        """Features of a whole batch, augmented unless the frozen layers are kept."""
        if self._frozen is not None:
            features = self._frozen.features(batch.mine, self._hardware)
        else:
            images = self._samples.normalised(self._samples.images.batch(batch.place))
            features = forward_images(self._network, images, self._hardware)
        return features.mapped(batch.joined)

    def _plain_features(self, rows: Int64) -> TowerFeatures:
        if self._frozen is not None:
            return self._frozen.features(rows, self._hardware)
        return forward(self._network, self._samples, rows, self._hardware)


def numbered(batches: Sequence[Int64], epoch: int) -> list[ReidBatch]:
    """Number the batches of an epoch."""
    return [
        ReidBatch(place, epoch * 1_000_003 + place, rows, np.arange(len(rows))) for place, rows in enumerate(batches)
    ]


def retrieval_vectors(features: TowerFeatures) -> torch.Tensor:
    """Return the vectors (n, d) that images are retrieved by, not normalised: the features before the necks."""
    import torch

    return features.feat if features.proj is None else torch.cat([features.feat, features.proj], dim=1)


def forward(network: ReidNetwork, samples: ReidSamples, rows: Int64, hardware: Hardware) -> TowerFeatures:
    """Return the features of samples without augmentation."""
    return forward_images(network, samples.normalised(samples.images.plain(rows)), hardware)


def forward_images(network: ReidNetwork, images: torch.Tensor, hardware: Hardware) -> TowerFeatures:
    """Return the features of normalised images in float32, in whatever precision they are computed."""
    with hardware.autocast():
        features = network.tower.features(hardware.images(images))
    return features.in_float32()
