"""Decides what the levels of a folder's sub-folders are: splits, labels, or something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from indexers.sources.folder_tree import FolderTree
from indexers.sources.signs import REFUSED, Sign, signs_against_labels, signs_against_split_labels
from indexers.sources.split_words import SplitWords, query_beside_test, unknown_words
from retrieval.errors import InputError, UnknownOptionError, first_names, suggest

MOST = 2
"""Signs that a message names; the first, which is the plainest, has the other readings."""

LEVELS = ("split", "label", "identity", "camera", "group", "aspect", "_")
"""Names that the option ``levels`` may have; ``_`` is a level that means nothing."""


class FolderLevels(NamedTuple):
    """What each level of folders is, from the top, and notes for the user about it."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse_levels(text: str) -> tuple[str, ...]:
    """Read the option ``levels``, such as ``split/label``.

    Raises:
        InputError: a level has another name than :data:`LEVELS`, or a field other than label stands twice.
    """
    names = tuple(name.strip() or "_" for name in text.strip("/").split("/"))
    for name in names:
        if name not in LEVELS:
            have = f"{suggest(name, LEVELS)} A level is {', '.join(LEVELS[:-1])}, or _ (none)."
            raise UnknownOptionError(f"`levels={text}`: there is no level '{name}'.{have}")
    twice = next((name for name in names if names.count(name) > 1 and name not in {"label", "_"}), None)
    if twice is not None:
        raise InputError(f"`levels={text}` has {twice} twice; write _ for a level that is not used.")
    return names


def read_levels(tree: FolderTree, words: SplitWords, root: str) -> FolderLevels:
    """Decide whether the folders at the top are splits or labels.

    They are splits if every one of them that holds images is named like one. Signs that speak against what follows are
    noted, with the options for both readings.

    Args:
        tree: all folders with images.
        words: what words mean. Where a folder of queries stands beside one of test, test is added as gallery.
        root: the folder as the user wrote it.

    Raises:
        InputError: signs agree that the reading is wrong.
    """
    tops = tree.tops()
    if any(name in words.mapped for name in tops) and not all(map(words.knows, tops)):
        counts = Counter({name: sum(below.values()) for name, below in tree.at(0).items()})
        raise unknown_words(counts, words, root, "or say in `levels` what the folders are")
    names: tuple[str, ...] = ("label",)
    if tops and all(map(words.knows, tops)):
        names = ("split", "label")
    notes = note_galleries(tops, words) if len(names) > 1 else []
    signs = signs_against_split_labels(tree, words, root) if len(names) > 1 else signs_against_labels(tree, words, root)
    if signs:
        sentence = _sentence(names, list(tree.at(len(names) - 1)), signs)
        if sum(sign.weight for sign in signs) >= REFUSED:
            raise InputError(f"{root}: {sentence}")
        notes.append(f"Taken as labels: {sentence}")
    return FolderLevels(names, tuple(notes))


def note_galleries(folders: Sequence[str], words: SplitWords) -> list[str]:
    """Take test as gallery where it stands beside query; return a note about it."""
    galleries = query_beside_test(folders, words)
    words.add(galleries)
    return [f"Folder {name} is taken as gallery, because queries stand beside it." for name in galleries]


def _sentence(names: tuple[str, ...], labels: list[str], signs: list[Sign]) -> str:
    """Write what speaks against the labels, and the readings with their options."""
    what = f"{first_names(labels, 4)} ({len(labels):,} in all)" if len(labels) > 4 else first_names(labels, 4)
    texts = [sign.text for sign in signs][:MOST]
    inside = next((sign.inside for sign in signs if sign.inside), None)
    kept = f"`levels={'/'.join(names)}` if these are the labels"
    say = f"Index {inside}, or say {kept}" if inside else f"Say {', or '.join((*signs[0].ways, kept))}"
    return f"{what}; but {' and '.join(texts)}. {say}."
