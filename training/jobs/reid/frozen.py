"""The frozen layers of the image network, computed once for every image of the job ``reid``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError
from training.models.frozen_features import cache_frozen, split_frozen
from training.processes import from_first, rank

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Int64
    from training.hardware import Hardware
    from training.jobs.reid.network import ReidNetwork
    from training.jobs.reid.samples import ReidSamples
    from training.models.frozen_features import FrozenFeatures, FrozenSplit
    from training.models.towers import TowerFeatures

FILE = "frozen.npy"


@dataclass(frozen=True, slots=True)
class FrozenLayers:
    """What the frozen layers make of train and held-out samples, and the layers after them.

    Attributes:
        split: the network in two parts.
        kept: what the first part gives, in the order of ``place``.
        place: (n,) position of every sample in ``kept``.
    """

    split: FrozenSplit
    kept: FrozenFeatures
    place: Int64

    def features(self, rows: Int64, hardware: Hardware) -> TowerFeatures:
        """Return the features of samples in float32; only the layers after the frozen ones are computed."""
        activations = self.kept.rows(self.place[rows], self.split.tower.device)
        with hardware.autocast():
            return self.split.features(activations).in_float32()


def compute_frozen(network: ReidNetwork, samples: ReidSamples, out: Path, *, quiet: bool) -> FrozenLayers:
    """Compute the frozen layers of a network for train and held-out samples, or read what an earlier run computed.

    Raises:
        InputError: nothing is frozen or all is, or the network cannot be divided.
    """
    split = split_frozen(network.tower)
    if split is None:
        raise InputError(
            f"The frozen layers of {network.tower.spec.model} cannot be kept: it takes some that are frozen and some "
            "that are trained, `image_stage.unfreeze=1`; leave out image_stage.cache_frozen."
        )
    rows = np.concatenate([samples.train, samples.held_out])
    keys = np.array([samples.ids[row] for row in rows])

    def compute() -> FrozenFeatures:
        return cache_frozen(
            split,
            lambda places: samples.normalised(samples.images.plain(rows[places])),
            keys,
            out / FILE,
            quiet=quiet,
        )

    if rank() == 0:
        compute()
    from_first(0)  # the others read what the first process wrote
    place = np.zeros(len(samples.ids), np.int64)
    place[rows] = np.arange(len(rows))
    return FrozenLayers(split, compute(), place)
