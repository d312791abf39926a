"""The folders of a data set and how many images lie in each, from the relative paths of all images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

NAMES = 3
MOST_NAMES = 3000
"""Names of images that are remembered of each folder, and of all."""

Below: TypeAlias = "Counter[tuple[str, ...]]"
"""Relative path of a folder -> number of images that lie directly in it; ``()`` is the folder itself."""


class FolderTree:
    """Folders with images.

    Args:
        uris: relative paths of all images, with forward slashes.

    Attributes:
        counts: path of every folder with images, and their number.
        names: names of a few images of every folder.
        images: number of all images.
    """

    def __init__(self, uris: Iterable[str]) -> None:
        counts: dict[str, int] = {}
        self.names: list[str] = []
        for uri in uris:
            folder, _, name = uri.rpartition("/")
            counts[folder] = n = counts.get(folder, 0) + 1
            if n <= NAMES and len(self.names) < MOST_NAMES:
                self.names.append(name)
        self.counts: Below = Counter({tuple(folder.split("/")) if folder else (): n for folder, n in counts.items()})
        self.images = sum(counts.values())

    def tops(self) -> list[str]:
        """Return the names of the folders at the top that hold images at any depth, sorted."""
        return list(self.at(0))

    def at(self, depth: int) -> dict[str, Below]:
        """Return the folders ``depth`` levels below the top, sorted by name, and what lies below each.

        Folders of one name are joined, wherever they lie.
        """
        folders: dict[str, Below] = {}
        for path, n in self.counts.items():
            if len(path) > depth:
                name = path[depth]
                if name not in folders:
                    folders[name] = Counter()
                folders[name][path[depth + 1 :]] += n
        return dict(sorted(folders.items()))

    def inner(self) -> tuple[str, ...]:
        """Return the path of the folder inside which the images divide, or that holds the only folder with images."""
        paths = list(self.counts)
        shared: tuple[str, ...] = paths[0] if paths else ()
        for path in paths:
            same = 0
            while same < min(len(shared), len(path)) and shared[same] == path[same]:
                same += 1
            shared = shared[:same]
        return shared[:-1] if shared in self.counts else shared


def parts_below(folders: dict[str, Below]) -> dict[str, dict[str, Below]]:
    """Return the sub-folders of every folder, as :meth:`FolderTree.at` returns folders."""
    parts: dict[str, dict[str, Below]] = {}
    for name, below in folders.items():
        inside = parts[name] = {}
        for path, n in below.items():
            if path:
                if path[0] not in inside:
                    inside[path[0]] = Counter()
                inside[path[0]][path[1:]] += n
    return parts
