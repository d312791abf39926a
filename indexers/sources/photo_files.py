"""Match downloaded images to the rows of an export that names photos by address or number, not by file."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from indexers.sources.image_paths import ImagePaths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Cells = Mapping[str, str]

_PHOTO = re.compile(r"/photos?/(\d+)(?:/|\.|$)")


class PhotoFiles:
    """The images below a folder, by parts of their paths.

    Attributes:
        uris: paths below the folder, sorted.
        by_tail: folder and name of a file (``123/original.jpg``) -> uris.
        by_name: its name -> uris.
        by_stem: its name without suffix -> uris.
        by_start: its name up to the first of ``_ - . `` -> uris.
        by_folder: the folder it lies in -> uris.
    """

    def __init__(self, root: Path) -> None:
        self.uris = list(ImagePaths(root).images())
        self.by_tail: dict[str, list[str]] = defaultdict(list)
        self.by_name: dict[str, list[str]] = defaultdict(list)
        self.by_stem: dict[str, list[str]] = defaultdict(list)
        self.by_start: dict[str, list[str]] = defaultdict(list)
        self.by_folder: dict[str, list[str]] = defaultdict(list)
        for uri in self.uris:
            *folders, name = uri.split("/")
            folder, stem = folders[-1] if folders else "", name.rpartition(".")[0]
            self.by_tail[f"{folder}/{name}"].append(uri)
            self.by_name[name].append(uri)
            self.by_stem[stem].append(uri)
            self.by_start[re.split(r"[_\-. ]", stem, maxsplit=1)[0]].append(uri)
            self.by_folder[folder].append(uri)


class PhotoWay(NamedTuple):
    """A way to find the images of a row: what it goes by, and the function that finds them.

    ``many`` is whether a row may have several images, all of which are its own.
    """

    what: str
    find: Callable[[Cells], Sequence[str]]
    many: bool = False


def address_tail(address: str) -> str:
    """Return the last folder and the name in a web address or a path."""
    parts = unquote(urlsplit(address).path).strip("/").split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else f"/{parts[0]}"


def photo_number(address: str) -> str:
    """Return the number of a photo in its address (``.../photos/2735077/original.jpg``); empty if there is none."""
    match = _PHOTO.search(urlsplit(address).path)
    return match[1] if match else ""


def choose_way(ways: Sequence[PhotoWay], rows: Iterable[Cells]) -> tuple[PhotoWay, int]:
    """Return the way by which most images have a row, the first of equal ones, and the number of these images.

    All rows are matched in one way, so that no row gets an image that only happens to have a name like it. Images that
    fit a row beside others count only where no way is plain.
    """
    plain: list[set[str]] = [set() for _ in ways]
    all_fits: list[set[str]] = [set() for _ in ways]
    for cells in rows:
        for at, way in enumerate(ways):
            uris = way.find(cells)
            all_fits[at].update(uris)
            if way.many or len(uris) == 1:
                plain[at].update(uris)
    best = max(range(len(ways)), key=lambda at: (len(plain[at]), len(all_fits[at]), -at))
    return ways[best], len(all_fits[best])
