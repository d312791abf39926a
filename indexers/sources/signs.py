"""Signs that folders taken as labels are something else: splits, folds, containers, or one level too high.

All of it is a function of the folders' names and of how many images lie where; no file is opened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from indexers.sources.folder_tree import Below, FolderTree, parts_below
from indexers.sources.presets import known_names
from indexers.sources.split_words import NO_SPLIT, SplitWords, name_parts, split_like, split_name
from retrieval.errors import first_names

REFUSED = 2
"""Weight of the signs that refuses a reading."""

_CONTAINER_NAMES = """
image images img imgs jpeg jpegs jpg jpgs png pngs jpegimages photo photos picture pictures pics data dataset datasets
mask masks label labels annotation annotations annots segmentation segmentations segmentationclass segmentationobject
trimaps groundtruth gt thumbnails frames crops raw files
"""
_CONTAINERS = frozenset(_CONTAINER_NAMES.split())
"""Names of folders that hold images of all kinds (``images``, ``JPEGImages``), lower case without marks."""

_FOLD = re.compile(r"(k?folds?|cv|splits?|batch|part|chunk|shard|subset|images?|data)(?=\d+$)")

MOST_SPLITS = 50
"""Folders of more different names are no splits."""

MOST_PARTS = 3
"""Folders of any names that may well be the splits of a data set."""

MANY = 5
"""Sub-folders of the same names in fewer folders than that: most likely the labels."""


class Sign(NamedTuple):
    """A sign against a reading.

    ``text`` is a clause of a sentence, ``ways`` are other readings with their options. ``inside`` is the folder to
    index instead, and why.
    """

    text: str
    ways: tuple[str, ...] = ()
    weight: int = 1
    inside: str | None = None


def is_container(name: str) -> bool:
    """Return whether a name says that a folder holds images, and not of what."""
    return "".join(name_parts(name)) in _CONTAINERS


def signs_against_labels(tree: FolderTree, words: SplitWords, root: str) -> list[Sign]:
    """Find signs that the folders at the top are no labels.

    Args:
        tree: all folders with images.
        words: what words mean.
        root: the folder as the user wrote it, for commands.
    """
    folders = tree.at(0)
    if not folders:
        return []
    inner = "/".join((root, *tree.inner()))
    signs = [
        _split_words(folders, words),
        _folds(folders),
        _splits_below(folders, words),
        _file_names(tree),
        _structure(folders, "", tree.images),
        _containers(folders, ""),
    ]
    signs = [sign for sign in signs if sign]
    if len(folders) == 1 and signs:
        inside = f"{inner} for what lies inside" if inner != root else None
        signs.append(Sign("there would be only one label", inside=inside))
    return [sign for sign in signs if sign is not None]


def signs_against_split_labels(tree: FolderTree, words: SplitWords, root: str) -> list[Sign]:
    """Find signs that the folders below the splits are no labels. The arguments are as above."""
    folders = tree.at(1)
    if not folders:
        return []
    signs = [_file_names(tree), _structure(folders, "split/", tree.images), _containers(folders, "split/")]
    signs = [sign for sign in signs if sign]
    if len(folders) == 1 and signs:
        signs.append(Sign("there would be only one label"))
    return [sign for sign in [*signs, _doubled_splits(tree, words), _odd_split(tree, root)] if sign is not None]


def _split_words(folders: dict[str, Below], words: SplitWords) -> Sign | None:
    """Names such as ``seg_train`` and ``seg_test``: words of several splits beside the same other words."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for name in folders:
        if (like := split_like(name)) is not None:
            groups.setdefault(like.rest, {})[name] = like.split
    alike: dict[str, str] = {}
    for group in groups.values():
        if len(set(group.values())) > 1:
            alike |= group
    if 3 * len(alike) < len(folders) or not alike:
        return None
    if "query" in alike.values() and "gallery" not in alike.values():
        alike = {name: "gallery" if split == "test" else split for name, split in alike.items()}
    plain = {words.split(name) for name in folders if words.knows(name)}
    meanings = {name: alike.get(name, NO_SPLIT) for name in folders if not words.knows(name)}
    meanings = {name: NO_SPLIT if split in plain else split for name, split in meanings.items()}
    options = [f"`split={name}={split}`" for name, split in list(meanings.items())[:12]]
    if not any(path for below in folders.values() for path in below):
        options.append("`levels=split`")  # images lie in the splits themselves and have no label
    return Sign(f"{_listed(alike)} are words for splits", (f"{' '.join(options)} if they are splits",))


def _folds(folders: dict[str, Below]) -> Sign | None:
    """Names such as ``fold0`` and ``fold1``, which are hardly classes."""
    stems = {match[1] for name in folders if (match := _FOLD.match("".join(name_parts(name))))}
    numbered = all(_FOLD.match("".join(name_parts(name))) for name in folders)
    if len(folders) < 2 or not numbered or len(stems) != 1:
        return None
    inside = parts_below(folders)
    below = {name for parts in inside.values() for name in parts}
    if below and all(split_name(name) for name in below):
        way = "`levels=_/split/label` for the splits inside"
    else:
        way = "`levels=_/label` for the folders inside" if below else "`levels=_` for images without labels"
    return Sign(f"{_listed(folders)} are names of parts, not of classes", (way,), REFUSED)


def _splits_below(folders: dict[str, Below], words: SplitWords) -> Sign | None:
    """Sub-folders named train, test and so on below the folders."""
    inside = parts_below(folders)
    names = Counter(name for parts in inside.values() for name in parts)
    if len(names) > MOST_SPLITS:
        return None
    splits = {name for name in names if words.knows(name)}
    if len({words.split(name) for name in splits}) < 2 or 2 * len(splits) < len(names):
        return None
    deeper = any(path for parts in inside.values() for name in splits & parts.keys() for path in parts[name])
    above = "`levels=label/split` if the labels lie above the splits"
    ways = ("`levels=_/split/label` if they lie below the splits",) * deeper + (above,)
    return Sign(f"{_listed(sorted(splits))} below are words for splits", ways)


def _structure(folders: dict[str, Below], above: str, images: int) -> Sign | None:
    """Most images lie in sub-folders, which are the same in every folder, or which differ."""
    skipped, children = _sub_folders(folders)
    holders = {name: names for name, names in children.items() if names}
    deeper = sum(n for below in folders.values() for path, n in below.items() if len(path) > skipped)
    if not holders or 2 * deeper <= images:
        return None
    counts = Counter(name for names in holders.values() for name in names)
    way = f"`levels={above}{'_/' * (skipped + 1)}label` if the labels are the folders below"
    shared = sorted(name for name, n in counts.items() if n > 1 and 2 * n >= len(holders))
    if len(shared) > 1 and 2 * len(shared) >= len(counts):
        strong = len(shared) >= MANY and len(shared) > len(folders)
        ways = (*(_as_splits(folders) if not above else ()), way)
        return Sign(f"the same folders ({_listed(shared)}) lie in each", ways, 1 + strong)
    number = f"{len(counts):,} folders" if len(counts) > 1 else "one folder"
    return Sign(f"the images lie in {number} below ({_listed(sorted(counts))})", (way,))


def _as_splits(folders: dict[str, Below]) -> tuple[str, ...]:
    """Return the option that makes few folders splits, for example: the largest is train."""
    if len(folders) > MOST_PARTS:
        return ()
    largest = max(folders, key=lambda name: sum(folders[name].values()))
    options = " ".join(f"`split={name}={'train' if name == largest else 'test'}`" for name in folders)
    return (f"for example {options} if they are splits",)


def _sub_folders(folders: dict[str, Below]) -> tuple[int, dict[str, set[str]]]:
    """Return the names of the sub-folders of every folder, and how many levels in between were skipped for them.

    Skipped is a level that divides nothing: every folder has one sub-folder, of the same name (``images``) or of the
    folder's own.
    """
    skipped = 0
    while True:
        children = {name: {path[skipped] for path in below if len(path) > skipped} for name, below in folders.items()}
        union = set().union(*children.values())
        repeated = all(names <= {name} for name, names in children.items())
        alike = len(union) == 1 and (len(folders) > 1 or is_container(next(iter(union))))
        if not union or not (repeated or alike):
            return skipped, children
        skipped += 1


def _containers(folders: dict[str, Below], above: str) -> Sign | None:
    """Names such as ``images`` and ``masks`` alone."""
    if not all(map(is_container, folders)):
        return None
    without = f"`levels={above.rstrip('/') or '_'}` for images without labels"
    text = f"a name like {next(iter(folders))} says that images lie there, not of what"
    return Sign(text, (without,), REFUSED)


def _file_names(tree: FolderTree) -> Sign | None:
    """Names of images as a known data set has them, with identity and camera."""
    entry = known_names(tree.names)
    return entry and Sign(f"the files are named as those of {entry.title}", (entry.way,))


def _doubled_splits(tree: FolderTree, words: SplitWords) -> Sign | None:
    """Splits that lie in a folder of their own name, as archives are unpacked: ``seg_train/seg_train``."""
    doubled = [
        split for split, parts in parts_below(tree.at(0)).items() if list(parts) == [split] and words.knows(split)
    ]
    if len(doubled) < 2:
        return None
    return Sign(
        f"{_listed(doubled)} lie in folders of the same names", ("`levels=split/_/label` for the folders below",)
    )


def _odd_split(tree: FolderTree, root: str) -> Sign | None:
    """A split whose only label is ``images``, or the split's own name, beside splits with classes."""
    labels = {split: set(parts) for split, parts in parts_below(tree.at(0)).items()}
    odd = {
        split: next(iter(names))
        for split, names in labels.items()
        if len(names) == 1 and all(is_container(name) or split_name(name) for name in names)
    }
    good = [split for split, names in labels.items() if len(names) > 1]
    if not odd or not good:
        return None
    split, label = next(iter(odd.items()))
    alone = f"{root}/{good[0]} `split={split_name(good[0]) or good[0]}` for {good[0]} alone"
    return Sign(f"the only label in {split} would be '{label}'", (), REFUSED, alone)


def _listed(names: Iterable[str]) -> str:
    return first_names(names, 4)
