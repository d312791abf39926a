"""Find the shards of a data set, its tar or Parquet files, and what their names say of splits."""

from __future__ import annotations

import glob
import os
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from indexers.sources.base import is_text
from indexers.sources.image_paths import PathError
from indexers.sources.split_words import split_like, split_name
from retrieval.errors import InputError, MissingFileError, first_names
from retrieval.image_listing import inode, is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

MOST_SHARDS = 100_000
"""Names that a pattern may stand for."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class ShardFiles(NamedTuple):
    """The shards of a data set, relative to ``root`` and sorted; ``is_folder`` is whether all below it are meant."""

    root: Path
    names: tuple[str, ...]
    is_folder: bool

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Yield name and path of each shard."""
        return ((name, self.root / name) for name in self.names)


def is_pattern(path: Path) -> bool:
    """Return whether a path that does not exist stands for several: ``shard-{000..012}.tar``, ``train-*.parquet``."""
    return bool(re.search(r"[*?{\[]", str(path))) and not os.path.lexists(path)


def pattern_root(path: Path) -> Path:
    """Return the folder above the first part of a pattern that stands for several names."""
    parts = path.parts
    at = next(at for at, part in enumerate(parts) if re.search(r"[*?{\[]", part))
    return Path(*parts[:at])


def find_shards(path: Path, suffixes: tuple[str, ...]) -> ShardFiles:
    """Find the shards that a folder, a file or a pattern stands for.

    Args:
        path: a folder, whose shards are searched for at all depths; a file; or a pattern with ``*``, ``?``, ``[...]``,
            ``{000000..000012}`` or ``{a,b}``.
        suffixes: suffixes of shards, lower case.

    Raises:
        MissingFileError: there is no such path, or names of a pattern without ``*`` do not exist.
        InputError: the path is no shard, or there is none.
    """
    kinds = " or ".join(f"*{suffix}" for suffix in suffixes)
    if path.is_dir():
        names = sorted(_below(path, "", suffixes, frozenset()))
        if not names:
            refuse_packed(path)
            raise InputError(f"{path} holds no {kinds}.")
        return ShardFiles(path, tuple(names), is_folder=True)
    if is_pattern(path):
        files = _expand(path)
        if not all(file.lower().endswith(suffixes) for file in files):
            raise InputError(f"{path} stands for other files than {kinds}; end it in {suffixes[0]}.")
        root = pattern_root(path)
        names = sorted({os.path.relpath(file, root).replace(os.sep, "/") for file in files})
        return ShardFiles(root, tuple(names), is_folder=False)
    if not path.is_file():
        raise MissingFileError(f"There is no file or folder {path}.")
    if not path.name.lower().endswith(suffixes):
        refuse_packed(path)
        raise InputError(f"{path} is not {kinds}; give a shard, a folder of shards or a pattern of their names.")
    return ShardFiles(path.parent, (path.name,), is_folder=False)


def refuse_packed(path: Path) -> None:
    """Raise InputError for a tar file packed by gzip, whose members cannot be read singly, or for a folder of such."""
    packed = (".tar.gz", ".tgz")
    if path.is_dir():
        names = sorted(entry for entry in _listed(path) if entry.lower().endswith(packed))
        if names:
            raise InputError(f"{path} holds tar files packed by gzip ({first_names(names)}); unpack them with gunzip.")
    elif path.name.lower().endswith(packed):
        raise InputError(f"{path} is packed by gzip; unpack it with gunzip, and index the .tar.")


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only
    except OSError:  # the source tells of it
        return []


def _below(root: Path, folder: str, suffixes: tuple[str, ...], above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Yield the shards in a folder and below it; links are followed, cycles and what cannot be read are not."""
    try:
        current = inode(root / folder)
        entries = list(os.scandir(root / folder))
    except OSError:  # the source tells of it when it counts what lies there
        return
    if current in above:
        return
    for entry in entries:
        if is_hidden(entry.name) or not is_text(entry.name):
            continue
        if entry.is_dir():
            yield from _below(root, f"{folder}{entry.name}/", suffixes, above | {current})
        elif entry.name.lower().endswith(suffixes) and entry.is_file():
            yield folder + entry.name


def _expand(path: Path) -> list[str]:
    """Return the files that a pattern stands for."""
    texts = _expand_braces(str(path))
    files: list[str] = []
    missing: list[str] = []
    for text in texts:
        matches = glob.glob(text) if re.search(r"[*?\[]", text) else [text] if os.path.isfile(text) else []  # noqa: PTH113, PTH207
        files += (match for match in matches if os.path.isfile(match))  # noqa: PTH113
        if not matches:
            missing.append(text)
    if not files:
        raise MissingFileError(f"There is no file {path}.")
    if missing:
        raise MissingFileError(
            f"{path} stands for {len(texts):,} files, of which {len(missing):,} are not there "
            f"({first_names(missing)}); name those that are."
        )
    return files


def _expand_braces(text: str) -> list[str]:
    """Return the texts that ``{0..9}`` and ``{a,b}`` stand for.

    Raises:
        InputError: they are more than :data:`MOST_SHARDS`.
    """
    parts = _BRACES.split(text)
    choices = [[part] if at % 2 == 0 else _alternatives(part) for at, part in enumerate(parts)]
    n = 1
    for choice in choices:
        n *= len(choice)
        if n > MOST_SHARDS:
            raise InputError(f"{text} stands for more than {MOST_SHARDS:,} files; write fewer, or give their folder.")
    return ["".join(choice) for choice in product(*choices)]


def _alternatives(inner: str) -> list[str]:
    match = _RANGE.fullmatch(inner)
    if match is None:
        return inner.split(",")
    first, last = int(match[1]), int(match[2])
    digits = len(match[1]) if match[1].startswith("0") else 1
    if last - first >= MOST_SHARDS:
        raise InputError(f"{{{inner}}} stands for more than {MOST_SHARDS:,} files; write fewer.")
    return [str(number).zfill(digits) for number in range(first, last + 1)]


def shard_word(name: str, mapped: Collection[str]) -> str | None:
    """Return the word for a split in the name of a shard: in its own name, else of a folder above it.

    Args:
        name: path of the shard below the root: ``train/0000.parquet``, ``imagenet-val-000012.tar``.
        mapped: words that the option ``split`` maps.
    """
    *folders, file = name.split("/")
    words = [*folders, *re.split(r"[-_.]", file.rpartition(".")[0])]
    if (word := next((word for word in words if word in mapped), None)) is not None:
        return word
    return _own_split(file) or _split_folder(folders)


def _own_split(file: str) -> str | None:
    like = split_like(file.rpartition(".")[0])
    return like.split if like else None


def _split_folder(folders: list[str]) -> str | None:
    return next((folder for folder in reversed(folders) if split_name(folder)), None)


def note_split_folders(names: Iterable[str], mapped: Collection[str]) -> list[str]:
    """Return a note if shards lie in the folder of another split than their own names say; arguments as above."""
    others = []
    for name in names:
        *folders, file = name.split("/")
        split, folder = _own_split(file), _split_folder(folders)
        if split and folder and split_name(folder) != split and shard_word(name, mapped) == split:
            others.append((name, split, folder))
    if not others:
        return []
    name, split, folder = others[0]
    lie = "files lie" if len(others) > 1 else "file lies"
    told = f"{len(others):,} {lie} in a folder of another split than the name says (first {name}): the name is taken, "
    return [f"{told}{split}; `split={folder}={split_name(folder)}` takes the folder."]


class MemberPaths:
    """Names of images as a table of shards writes them, which are their uris.

    Args:
        missing: gives the reason why a row has no image, for those that have none.
    """

    def __init__(self, missing: Mapping[str, str]) -> None:
        self._missing = missing

    def prepare(self, texts: Callable[[], Iterable[str]]) -> None:
        """There is one way only in which they are read."""

    def is_near(self, text: str) -> bool:
        """Return whether a text names an image."""
        return text not in self._missing

    def uri(self, text: str) -> str:
        """Return the uri of an image.

        Raises:
            PathError: the row has no image.
        """
        if text in self._missing:
            raise PathError(self._missing[text])
        return text

    def notes(self) -> list[str]:
        """Return no sentences."""
        return []

    def contents(self) -> str:
        """Describe the images for a message."""
        return "holds no image in its shards"
