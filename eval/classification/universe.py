"""The label universe: the classes an answer is chosen among, in the order of their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.ranking.identities import universe_of
from eval.results.schema import Universe
from retrieval.errors import InputError
from retrieval.labels import read_class_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet


class LabelUniverse(NamedTuple):
    """``names`` of the classes and where they come from: ``all``, ``split`` or a file's name."""

    names: tuple[str, ...]
    origin: str

    @property
    def recorded(self) -> Universe:
        """As a result file has it."""
        found = universe_of(self.names)
        return found.model_copy(update={"names": self.names, "origin": self.origin})


def label_universe(labels_from: str, pool: Pool, splits: SplitSet) -> LabelUniverse:
    """Settle the universe.

    Args:
        labels_from: ``all`` labels of the pool, those of the test samples (``split``), or a file of names.
        pool: samples that may take part; those without a label say nothing.
        splits: what takes part.

    Raises:
        InputError, MissingFileError: the file cannot be used, or there are fewer than two classes.
    """
    if labels_from == "all":
        names, origin = tuple(map(str, pool.values("label"))), "all"
    elif labels_from == "split":
        tested = pool.take(np.isin(pool.ids, splits.sample[splits.role == "test"]))
        names, origin = tuple(map(str, tested.values("label"))), "split"
    else:
        names, origin = read_class_names(Path(labels_from)), f"file:{Path(labels_from).name}"
    if len(names) < 2:
        there = f"one class ('{names[0]}')" if names else "no class"
        raise InputError(
            f"The label universe ({origin}) has {there}; there is nothing to choose between, so use more samples or "
            "give `labels_from=FILE`."
        )
    return LabelUniverse(names, origin)


def match_names(names: Iterable[str], classes: Sequence[str]) -> dict[str, int]:
    """Find the class that each name means: the same text, else the same but for case, spaces, ``_`` and ``-``.

    Names that mean no class, or might mean several, are left out.
    """
    given = dict.fromkeys(names)
    exact = {name: code for code, name in enumerate(classes)}
    loose: dict[str, list[int]] = {}
    for code, name in enumerate(classes):
        loose.setdefault(_bare(name), []).append(code)
    found = {name: exact[name] for name in given if name in exact}
    taken = set(found.values())
    for name in given:
        alike = loose.get(_bare(name), [])
        if name not in found and len(alike) == 1 and alike[0] not in taken:
            found[name] = alike[0]
    return found


def _bare(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
