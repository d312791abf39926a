"""The label universe of a classification: the possible classes in the order of their codes.

The task determines it before a mode runs; names in banks and in files of weights are matched to its codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.ranking.identities import universe_of
from eval.results.schema import Universe
from retrieval.errors import InputError
from retrieval.labels import read_class_names
from retrieval.names import clean_name, spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eval.seams.samples import Pool
    from retrieval.types import SplitSet


class LabelUniverse(NamedTuple):
    """``names`` (C,) of the classes by code, and their ``origin``: ``all``, ``split`` or ``file:NAME``.

    A result file has it as a :class:`~eval.results.schema.Universe`, with the number and the hash of the names.
    """

    names: tuple[str, ...]
    origin: str

    @property
    def recorded(self) -> Universe:
        """The universe as a result file records it."""
        return universe_of(self.names).model_copy(update={"names": self.names, "origin": self.origin})


def label_universe(labels_from: str, pool: Pool, splits: SplitSet) -> LabelUniverse:
    """Determine the label universe.

    Args:
        labels_from: ``all`` for the labels of the pool, ``split`` for those of the test samples, else the path of a
            file of names.
        pool: samples; those without a label are ignored.
        splits: roles of the samples, read for ``split``.

    Raises:
        InputError: the file is not a list of names, or there are fewer than two classes.
        MissingFileError: there is no such file.
    """
    if labels_from == "all":
        names, origin = tuple(map(str, pool.values("label"))), "all"
    elif labels_from == "split":
        tested = pool.take(pool.mask(splits.sample[splits.role == "test"]))
        names, origin = tuple(map(str, tested.values("label"))), "split"
    else:
        names = tuple(clean_name(name) or name for name in read_class_names(Path(labels_from)))
        origin = f"file:{Path(labels_from).name}"
    if len(names) < 2:
        size = f"one class ('{names[0]}')" if names else "no class"
        raise InputError(
            f"The label universe ({origin}) has {size}; there is nothing to choose between, so use more samples or "
            "give `labels_from=FILE`."
        )
    return LabelUniverse(names, origin)


def match_names(names: Iterable[str], classes: Sequence[str]) -> dict[str, int]:
    """Map names to class codes: by equal text, else by equal spelling.

    Spellings are those of :func:`retrieval.names.spelling`: ``Red_fox`` is spelled as ``red fox``, ``redfox`` is not. A
    name is left out if its spelling is that of no class or of several, or of a class that another name equals. Two
    names of one spelling may get the same class.
    """
    unique = dict.fromkeys(names)
    exact = {name: code for code, name in enumerate(classes)}
    spelled: dict[str, list[int]] = {}
    for code, name in enumerate(classes):
        spelled.setdefault(spelling(name), []).append(code)
    matches = {name: exact[name] for name in unique if name in exact}
    taken = set(matches.values())
    for name in unique:
        alike = spelled.get(spelling(name), [])
        if name not in matches and len(alike) == 1 and alike[0] not in taken:
            matches[name] = alike[0]
    return matches
