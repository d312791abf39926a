"""Shots of a draw: which train images of every class are learnt from, once or for several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field

from eval.seams.classification import ClassArrays, ClassConfig, ClassDraw, Sealed, SettingTables
from eval.seams.scorer import Setting
from retrieval.errors import InputError
from retrieval.types import Int64


class ShotOptions(ClassConfig):
    """Options that say which train images are the shots; a class with fewer images gives all it has."""

    sampling: Literal["first", "random"] = Field(
        default="random",
        description="Shots of a class: its first train images in order of sample id, or random ones.",
    )
    seeds: int = Field(
        default=5, ge=1, le=1000, description="Number of random sets of shots, over which the metrics are averaged."
    )

    @property
    def repeats(self) -> int:
        """How many sets of shots there are; the first images of a class are always the same."""
        return self.seeds if self.sampling == "random" else 1


class DrawShots(NamedTuple):
    """The shots of a draw: ``rows`` of the arrays, and how many classes have too few images, and none."""

    rows: Int64
    short: int
    empty: int


def draw_shots(
    arrays: ClassArrays, draw: ClassDraw, train: Int64, shots: int, config: ShotOptions,
    seed: np.random.SeedSequence, repeat: int,
) -> DrawShots:  # fmt: skip
    """Choose shots among the train rows of a draw; repeat t of a seed is the same whatever the number of repeats."""
    rng = np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, repeat)))
    )
    found = take_shots(draw.labels[train], shots, len(arrays.classes), config.sampling, rng)
    return DrawShots(train[found.at], len(found.short), len(found.empty))


def scarcer(one: DrawShots, other: DrawShots) -> DrawShots:
    """The shots of two draws that lack more classes, or have more that are short; the first of equals."""
    return max(one, other, key=lambda each: (each.empty, each.short))


def shortages(taken: Mapping[int, DrawShots], classes: int) -> tuple[str, ...]:
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
    taught = [np.unique(draw.labels[draw.train]) for draw in arrays.draws]
    most = max(classes - int((found >= 0).sum()) for found in taught)
    if not most:
        return ()
    return (f"{most} of {classes} classes have no train image, so that nothing is learnt of them.",)


def setting_tables(
    setting: Setting, tables: Sequence[Sequence[Sealed[Any]]], seed: np.random.SeedSequence
) -> SettingTables:
    """A setting that stands beside others on test, with what was counted per draw, per seed of the shots."""
    return SettingTables(dict(setting), tuple(map(tuple, tables)), seed)


How: TypeAlias = Literal["first", "random"]


class Shots(NamedTuple):
    """``at`` places of the shots in the train rows, ascending; classes that lack some (``short``) or all (``empty``).

    The two are codes, ascending, and have no class in common.
    """

    at: Int64
    short: Int64
    empty: Int64


def take_shots(labels: Int64, shots: int, classes: int, how: How, rng: np.random.Generator) -> Shots:
    """Take ``shots`` train samples of each class, all of a class that has fewer.

    ``random`` asks the generator once for a number per sample, class by class in order of code, and of each class
    takes the samples with the smallest. So a draw depends on the generator's state and the labels alone, and fewer
    shots of the same state are among more of them: what a curve over shots shows is not the luck of new draws.

    Args:
        labels: (n,) codes of the train rows, in order of sample id; -1 is no class.
        shots: at least 1.
        classes: C.
        how: ``first`` in order of row, or ``random``.
        rng: a generator; ``first`` does not ask it.

    Raises:
        InputError: ``shots`` is below 1.
    """
    if shots < 1:
        raise InputError(f"{shots} shots cannot be taken; ask for 1 or more.")
    order = np.argsort(labels, kind="stable")
    order = order[np.searchsorted(labels[order], 0) :]
    if how == "random":
        order = order[np.lexsort((rng.random(len(order)), labels[order]))]
    counts = np.bincount(labels[order], minlength=classes)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Shots(
        at=np.sort(order[place < shots]),
        short=np.flatnonzero((counts > 0) & (counts < shots)),
        empty=np.flatnonzero(counts == 0),
    )
