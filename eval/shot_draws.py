"""Shots of a draw: which train images of every class are learnt from, once or for several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from eval.answering import metric_rule
from eval.arms import ClassArrays, Setting
from eval.class_mode import ClassConfig
from eval.class_summary import resampled
from eval.metrics.class_tables import ClassTable, summarise_classes
from eval.result import SweepPoint
from eval.scorers.shots import take_shots
from retrieval.types import Int64


class ShotOptions(ClassConfig):
    """Which images are the shots.

    ``sampling``: the ``first`` of every class in order of sample id, or a ``random`` draw, repeated for so many
    ``seeds``. A class with fewer images gives all it has.
    """

    sampling: Literal["first", "random"] = "random"
    seeds: int = Field(default=5, ge=1, le=1000)

    @property
    def repeats(self) -> int:
        """How many sets of shots there are; the first images of a class are always the same."""
        return self.seeds if self.sampling == "random" else 1


class Taken(NamedTuple):
    """The shots of a draw: ``rows`` of the arrays, and how many classes have too few images, and none."""

    rows: Int64
    short: int
    empty: int


def draw_shots(
    arrays: ClassArrays, train: Int64, shots: int, config: ShotOptions, seed: np.random.SeedSequence, repeat: int
) -> Taken:
    """Choose shots among the train rows of a draw; repeat t of a seed is the same whatever the number of repeats."""
    rng = np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, repeat)))
    )
    found = take_shots(arrays.labels[train], shots, len(arrays.classes), config.sampling, rng)
    return Taken(train[found.at], len(found.short), len(found.empty))


def scarcer(one: Taken, other: Taken) -> Taken:
    """The shots of two draws that lack more classes, or have more that are short; the first of equals."""
    return max(one, other, key=lambda each: (each.empty, each.short))


def shortages(taken: Mapping[int, Taken], classes: int) -> tuple[str, ...]:
    """Say how many classes have too few images."""
    words = []
    for shots, found in taken.items():
        if found.short:
            words.append(f"{found.short} of {classes} classes have fewer than {shots} train images; all are used.")
    empty = max((found.empty for found in taken.values()), default=0)
    if empty:
        words.append(f"{empty} of {classes} classes have no train image and are never answered.")
    return tuple(words)


def untaught(arrays: ClassArrays) -> tuple[str, ...]:
    """Say how many classes have no train image in some draw, for arms that learn from all of train."""
    classes = len(arrays.classes)
    taught = [np.unique(arrays.labels[draw["train"]]) for draw in arrays.draws]
    most = max(classes - int((found >= 0).sum()) for found in taught)
    if not most:
        return ()
    return (f"{most} of {classes} classes have no train image, so that nothing is learnt of them.",)


def tested_point(
    setting: Setting, draws: Sequence[Sequence[ClassTable]], arrays: ClassArrays, config: ClassConfig,
    seed: np.random.SeedSequence,
) -> SweepPoint:  # fmt: skip
    """Figures of one setting on test, with intervals and deviations over seeds: it stands beside others, unchosen.

    Args:
        setting: what they are of.
        draws: what was counted, per draw, per seed of the shots.
        arrays: what was answered.
        config: of the mode.
        seed: where the bootstrap starts.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    classes, rule, by = len(arrays.classes), metric_rule(config), resampled(arrays, config)
    found = summarise_classes(draws, classes, rule, config.bootstrap, rng, by).metrics
    return SweepPoint(
        settings=dict(setting),
        role="test",
        metrics={name: each.value for name, each in found.items()},
        ci95_of={name: each.ci95 for name, each in found.items() if each.ci95 is not None} or None,
        sd_seeds_of={name: each.sd_seeds for name, each in found.items() if each.sd_seeds is not None} or None,
    )
