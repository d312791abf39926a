"""Shots: the few train samples per class that arms learn from, drawn once or with several seeds."""

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
    """Options for choosing the shots; a class with fewer train samples than shots gives all of them."""

    sampling: Literal["first", "random"] = Field(
        default="random",
        description="Shots of a class: its first train samples in the order of the data, or random ones.",
    )
    seeds: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Number of random sets of shots, over which the metrics are averaged; one with sampling=first.",
    )

    @property
    def repeats(self) -> int:
        """Number of sets of shots per draw; ``first`` always gives the same set, so one is enough."""
        return self.seeds if self.sampling == "random" else 1


class DrawShots(NamedTuple):
    """The shots of one draw and seed.

    ``rows`` (s,) of the arrays; ``short`` and ``empty``: numbers of classes with too few and with no train samples.
    """

    rows: Int64
    short: int
    empty: int


def draw_shots(
    arrays: ClassArrays, draw: ClassDraw, train: Int64, shots: int, config: ShotOptions,
    seed: np.random.SeedSequence, repeat: int,
) -> DrawShots:  # fmt: skip
    """Draw ``shots`` samples per class among the rows ``train``.

    The random numbers of ``repeat`` depend on ``seed`` and ``repeat`` alone, not on the number of repeats.
    """
    rng = np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, repeat)))
    )
    taken = take_shots(draw.labels[train], shots, len(arrays.classes), config.sampling, rng)
    return DrawShots(train[taken.positions], len(taken.short), len(taken.empty))


def scarcer(one: DrawShots, other: DrawShots) -> DrawShots:
    """Return the shots with more empty classes, of ties those with more short classes, else ``one``."""
    return max(one, other, key=lambda shots: (shots.empty, shots.short))


def shortage_warnings(scarcest: Mapping[int, DrawShots], classes: int) -> tuple[str, ...]:
    """Warn of classes with too few or no train samples.

    Args:
        scarcest: for each number of shots, the draw that lacks most (see :func:`scarcer`).
        classes: C, the number of classes.
    """
    words = []
    for shots, drawn in scarcest.items():
        if drawn.short:
            words.append(f"{drawn.short} of {classes} classes have fewer than {shots} train samples; all are used.")
    empty = max((drawn.empty for drawn in scarcest.values()), default=0)
    if empty:
        words.append(
            f"{empty} of {classes} classes have no train sample, so that nothing is learnt of them: only prompts can "
            "answer them."
        )
    return tuple(words)


def untrained_warnings(arrays: ClassArrays) -> tuple[str, ...]:
    """Warn of classes without a train sample in some draw, for arms that learn from the whole train split."""
    classes = len(arrays.classes)
    trained = [np.unique(draw.labels[draw.train]) for draw in arrays.draws]
    most = max(classes - int((codes >= 0).sum()) for codes in trained)
    if not most:
        return ()
    return (f"{most} of {classes} classes have no train sample, so that nothing is learnt of them.",)


def setting_tables(setting: Setting, tables: Sequence[Sequence[Sealed[Any]]]) -> SettingTables:
    """Make the sweep entry of a setting that is reported on test; ``tables`` are per draw, per seed of the shots."""
    return SettingTables(dict(setting), tuple(map(tuple, tables)))


Sampling: TypeAlias = Literal["first", "random"]


class Shots(NamedTuple):
    """Shots of every class.

    ``positions`` (s,) of the shots in the train rows, ascending; ``short`` codes of classes with some train samples but
    fewer than the shots, ``empty`` codes of classes with none, both ascending.
    """

    positions: Int64
    short: Int64
    empty: Int64


def take_shots(labels: Int64, shots: int, classes: int, sampling: Sampling, rng: np.random.Generator) -> Shots:
    """Take ``shots`` train samples of each class, or all of a class that has fewer.

    ``random`` draws one uniform number per sample, class by class in order of code, and takes the samples with the
    smallest numbers of each class. The result depends on the generator's state and the labels alone, and the shots of
    a smaller number are a subset of those of a larger one, so a curve over shots has no noise from new draws.

    Args:
        labels: (n,) class codes of the train rows, in the order of the data; -1 is no class.
        shots: number of samples per class, at least 1.
        classes: C, the number of classes.
        sampling: ``first`` in order of row, or ``random``.
        rng: random generator, not used for ``first``.

    Raises:
        InputError: ``shots`` is below 1.
    """
    if shots < 1:
        raise InputError(f"{shots} shots cannot be taken; ask for 1 or more.")
    order = np.argsort(labels, kind="stable")
    order = order[np.searchsorted(labels[order], 0) :]
    if sampling == "random":
        order = order[np.lexsort((rng.random(len(order)), labels[order]))]
    counts = np.bincount(labels[order], minlength=classes)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Shots(
        positions=np.sort(order[rank < shots]),
        short=np.flatnonzero((counts > 0) & (counts < shots)),
        empty=np.flatnonzero(counts == 0),
    )
