"""Find the image that a cell of a table names, and say in which way it was found.

A path that stands in the table as it lies on disk is taken as it is. Where no row of the table has such a path, all
rows are read in one other way: without the folders of another machine, or by the name of the image below the root. Ways
are not mixed, so that a missing image is never replaced by another one of its name.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import unquote

from indexers.sources.base import is_text
from retrieval.errors import InputError, first_names
from retrieval.image_listing import is_hidden, is_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_IRREGULAR = frozenset(("", ".", ".."))
"""Parts of a path that a uri must not have."""

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_DRIVE = re.compile(r"^/*[a-zA-Z]:/")
AMBIGUOUS, ZEROS_LOST, WEB = "several images of one name", "leading zeros lost", "web addresses"


class PathError(Exception):
    """A cell names no image; the message is the reason. ``kind`` counts it, None for an image that is not there."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.kind = kind


def fold(name: str) -> str:
    """Return a name without the differences that file systems may ignore: case, and how accents are composed."""
    return unicodedata.normalize("NFC", name).casefold()


class ImagePaths:
    """Finds images below a root by the paths, names or ids of a table.

    Args:
        root: the folder where relative paths start.
        digits: number of digits that ids have; shorter ones are filled up with zeros. None leaves them.
    """

    def __init__(self, root: Path, digits: int | None = None) -> None:
        self.root = root
        self._digits = digits
        self._roots = tuple(dict.fromkeys((os.path.abspath(root), str(root.resolve()))))  # noqa: PTH100 - a link keeps its name
        self._prefix: str | None = None  # folders of another machine that begin every path
        self._by_name = False
        self._folders: dict[str, dict[str, list[str]]] = {}  # folder -> folded names -> names
        self._names: dict[str, list[str]] | None = None  # folded names and stems -> uris
        self._numbers: dict[int, str] = {}
        self._examples: dict[str, str] = {}  # way -> the first path that was found so
        self._counts: dict[str, int] = defaultdict(int)

    def prepare(self, texts: Callable[[], Iterable[str]]) -> None:
        """Choose the way in which the paths of a table are read.

        Args:
            texts: gives the cells from the first one; no more are read than needed.
        """
        if self._prefix is None and not self._by_name and not any(map(self._is_written, texts())):
            self._prefix = next(filter(None, map(self._find_prefix, texts())), None)
            self._by_name = self._prefix is None
        self._examples.clear()
        self._counts.clear()

    def _is_written(self, text: str) -> bool:
        try:
            return not _is_web(text) and self._written(text) is not None
        except (PathError, InputError):  # raised again, with its row, when the row is read
            return True

    def is_near(self, text: str) -> bool:
        """Return whether a text names an image below the root in any of the ways."""
        try:
            near = self._is_written(text) or self._find_prefix(text) is not None or self._named(text) is not None
            return near or (_is_number(text) and int(text) in self._numbers)
        except PathError:
            return True

    def uri(self, text: str) -> str:
        """Return the path of an image relative to the root, with forward slashes.

        Raises:
            PathError: there is no such image, or there are several.
            InputError: the path leads out of the root.
        """
        if _is_web(text):
            raise PathError(f"'{text}' is a web address, and nothing is downloaded; save the images and list them", WEB)
        uri = self._named(text) if self._by_name else self._written(text)
        if uri is None and self._prefix is not None and _plain(text).startswith(self._prefix):
            uri = self._written(_plain(text).removeprefix(self._prefix))
            if uri is not None:
                self._count("moved", text, uri)
        if uri is None:
            self._refuse_lost_zeros(text)
            raise PathError(f"there is no image '{text}' under {self.root.name or self.root}")
        return uri

    def notes(self) -> list[str]:
        """Return sentences on images that were found in another way than by their path."""
        ways = {
            "folded": "Paths that differ from the names of files in case, or in how accents are written",
            "decoded": "Paths with codes of web addresses such as %20, which were decoded",
            "moved": f"Paths that begin with '{self._prefix}', which is not here and was left out",
            "named": f"Images found by their names below {self.root.name or self.root}",
            "filled": f"Numbers that were filled up with zeros to {self._digits} digits",
        }
        return [
            f"{what}: {self._counts[way]:,} (first {self._examples[way]})."
            for way, what in ways.items()
            if self._counts[way]
        ]

    def contents(self) -> str:
        """Describe the images below the root for a message."""
        uris = sorted({uri for names in self._index().values() for uri in names})
        if not uris:
            return "holds no images"
        return f"holds {len(uris):,} image{'s' * (len(uris) != 1)} ({first_names(uris, 2)})"

    def _count(self, way: str, text: str, uri: str) -> None:
        self._counts[way] += 1
        self._examples.setdefault(way, f"'{text}' is {uri}")

    def _written(self, text: str) -> str | None:
        """Return the uri of a path as it is written; differences that file systems ignore are accepted."""
        for candidate, way in self._candidates(text):
            uri = self._inside(candidate)
            if uri is None:
                continue
            if os.path.isfile(f"{self.root}/{uri}"):  # noqa: PTH113 - never raises, and fast
                if way:
                    self._count(way, text, uri)
                return uri
            folded = self._folded(uri)
            if folded is not None:
                self._count("folded", text, folded)
                return folded
        return None

    def _candidates(self, text: str) -> list[tuple[str, str]]:
        """Return the ways to write a path, and what was changed."""
        path = _plain(text)
        candidates = [(path, "")]
        if self._digits is not None and (filled := self._fill(path)) != path:
            candidates.insert(0, (filled, "filled"))
        if "%" in path and (decoded := unquote(path)) != path:
            candidates.append((decoded, "decoded"))
        return candidates

    def _fill(self, path: str) -> str:
        """Return a path whose name is a number, with zeros in front of it."""
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = name.partition(".")
        return f"{folder}{slash}{stem.zfill(self._digits or 0)}{dot}{suffix}" if _is_number(stem) else path

    def _inside(self, path: str) -> str | None:
        """Return a path relative to the root without ``.`` and ``..``; None for one of another machine.

        Raises:
            InputError: the path leads out of the root.
        """
        if not os.path.isabs(path) and not _DRIVE.match(path) and _IRREGULAR.isdisjoint(path.split("/")):  # noqa: PTH117
            return path
        for root in self._roots:
            uri = os.path.relpath(os.path.join(root, path), root)  # noqa: PTH118 - lexical, links stay
            if uri != ".." and not uri.startswith(f"..{os.sep}"):
                return uri.replace(os.sep, "/")
        if os.path.isabs(path) and not os.path.exists(path):  # noqa: PTH110, PTH117
            return None
        raise InputError(
            f"'{path}' lies outside the image root {self._roots[0]}; set `image_root` to a folder that holds all "
            "images."
        )

    def _folded(self, uri: str) -> str | None:
        """Return the uri of the one file that has this name but for case and composition, or None.

        Raises:
            PathError: several files have it.
        """
        folder = ""
        for part in uri.split("/"):
            names = self._names_in(folder)
            matches = [part] if part in names.get(fold(part), ()) else names.get(fold(part), [])
            if len(matches) > 1:
                raise PathError(f"several files fit '{uri}': {first_names(sorted(matches), 3)}", AMBIGUOUS)
            if not matches:
                return None
            folder = f"{folder}/{matches[0]}".lstrip("/")
        return folder if os.path.isfile(f"{self.root}/{folder}") else None  # noqa: PTH113

    def _names_in(self, folder: str) -> dict[str, list[str]]:
        """Return the names in a folder by their folded form."""
        if folder not in self._folders:
            names: dict[str, list[str]] = defaultdict(list)
            try:
                for name in os.listdir(self.root / folder):  # noqa: PTH208 - names only
                    names[fold(name)].append(name)
            except (OSError, ValueError):  # ValueError: a NUL character
                pass
            self._folders[folder] = dict(names)
        return self._folders[folder]

    def _find_prefix(self, text: str) -> str | None:
        """Return the folders at the start of a path without which it is an image below the root."""
        path = _plain(text)
        parts = [] if _is_web(text) else path.split("/")
        for at in range(1, len(parts)):
            tail = "/".join(parts[at:])
            if tail and _IRREGULAR.isdisjoint(parts[at:]) and os.path.isfile(f"{self.root}/{tail}"):  # noqa: PTH113
                return path[: len(path) - len(tail)]
        return None

    def _named(self, text: str) -> str | None:
        """Return the uri of the one image below the root that ends in a path, or has an id for its name.

        Raises:
            PathError: there are several.
        """
        for candidate, way in self._candidates(text):
            tail = fold(candidate.strip("/"))
            uris = [uri for uri in self._index().get(tail.rpartition("/")[2], ()) if _ends_in(uri, tail)]
            if len(uris) > 1:
                raise PathError(
                    f"several images fit '{text}': {first_names(uris, 3)}; write folder and suffix into the table, or "
                    "set `image_root` to the folder that is meant",
                    AMBIGUOUS,
                )
            if uris:
                self._count(way or "named", text, uris[0])
                return uris[0]
        return None

    def _index(self) -> dict[str, list[str]]:
        """Return all images below the root, by their folded names and by those without the suffix."""
        if self._names is None:
            names: dict[str, list[str]] = defaultdict(list)
            for uri in self.images():
                name = uri.rpartition("/")[2]
                stem = name.rpartition(".")[0]
                names[fold(name)].append(uri)
                names[fold(stem)].append(uri)
                if _is_number(stem):
                    self._numbers.setdefault(int(stem), uri)
            self._names = dict(names)
        return self._names

    def images(self) -> Iterator[str]:
        """Yield the uris of all images below the root, by their suffix."""
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            base = os.path.relpath(folder, self.root).replace(os.sep, "/")
            prefix = "" if base == "." else f"{base}/"
            for name in sorted(files):
                if is_image(name) and not is_hidden(name) and is_text(prefix + name):
                    yield prefix + name

    def _refuse_lost_zeros(self, text: str) -> None:
        """Raise PathError if an image has the number that the name of a path is, but with zeros in front."""
        folder, _, name = _plain(text).rpartition("/")
        stem = name.partition(".")[0]
        if not _is_number(stem):
            return
        if self._by_name:
            uri = self._numbers.get(int(stem))
        else:
            names = (name for listed in self._names_in(folder).values() for name in listed)
            same = (name for name in names if is_image(name) and _is_number(name.partition(".")[0]))
            uri = next((name for name in same if int(name.partition(".")[0]) == int(stem)), None)
        if uri is not None:
            digits = len(uri.rpartition("/")[2].partition(".")[0])
            raise PathError(
                f"there is no image '{text}', but {uri} has that number: leading zeros seem to be lost; if so, set "
                f"`id_digits={digits}`",
                ZEROS_LOST,
            )


def _is_number(stem: str) -> bool:
    return stem.isascii() and stem.isdigit() and len(stem) <= 18


def _ends_in(uri: str, tail: str) -> bool:
    """Return whether a uri, with or without its suffix, ends in the parts of a folded path."""
    folded = f"/{fold(uri)}"
    return folded.endswith(f"/{tail}") or folded.rpartition(".")[0].endswith(f"/{tail}")


def _is_web(text: str) -> bool:
    return bool(_SCHEME.match(text)) and not text.startswith("file:")


def _plain(text: str) -> str:
    """Return a path of Windows, or an address ``file://``, as a path with forward slashes."""
    if text.startswith("file:"):
        return unquote(re.sub(r"^file:(//[^/]*)?", "", text))
    return text.replace("\\", "/") if "\\" in text and "/" not in text else text
