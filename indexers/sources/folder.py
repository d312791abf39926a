"""The source ``folder``: images in ``<root>/<label>/*`` or ``<root>/<split>/<label>/*``, or as ``levels`` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from indexers.sources.base import BaseSource, folder_names, printable, require_folder
from indexers.sources.folder_tree import FolderTree
from indexers.sources.levels import FolderLevels, note_galleries, parse_levels, read_levels
from indexers.sources.presets import known_names
from indexers.sources.split_words import SplitWords, read_split_option, unknown_words
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Sample, SourceProblem

WITHOUT_LABEL = "without a label"
_NO_LABEL = "it has no label; put it into a folder named after its label, or list it in a manifest"


class FolderOptions(Config):
    """Options of the source ``folder``."""

    levels: str | None = Field(
        default=None,
        description="What each level of sub-folders is: split, label, identity, camera, group, aspect, or _ for none, "
        "such as split/label or identity/camera; label/label joins class and sub-class. Without it, split/label where "
        "all folders at the top are named like splits, and label where they are not.",
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        default={}, description="Splits that folders of other names are."
    )


class FolderSource(BaseSource):
    """One folder per label, with or without a level of splits above the labels.

    The sub-folders of the root are splits if *every* one of them with images is named like one; otherwise they are
    labels. Signs that they are neither are noted, or refused where two agree; the option ``levels`` says what they are.
    Images may lie deeper than the named levels. Samples are ordered by name, at each level images before folders.
    """

    kind: ClassVar[str] = "folder"
    Options = FolderOptions

    def __init__(self, path: Path, name: str | None, options: FolderOptions) -> None:
        require_folder(path)
        super().__init__(path, path, name)
        self._option = options.split
        self._levels = None if options.levels is None else parse_levels(options.levels)

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per image.

        Raises:
            InputError: the folder cannot be read or holds no usable image, signs agree that its folders are no labels,
                or a folder is not named like a split.
        """
        folders = folder_names(self.root)
        uris = list(self._images_below(""))
        if not uris:
            raise InputError(
                f"{self.root} holds no images; expected LABEL/IMAGE or SPLIT/LABEL/IMAGE below it.{self._lies_there()}"
            )
        tree, words = FolderTree(uris), SplitWords(self._option)
        levels = self._read_levels(tree, words)
        count = 0
        for sample in self._of_levels(uris, levels.names, words):
            count += 1
            yield sample
        if not count:
            raise InputError(self._no_samples(tree, levels.names))
        self.notes += [*levels.notes, *self._empty(folders, levels.names, tree)]

    def _read_levels(self, tree: FolderTree, words: SplitWords) -> FolderLevels:
        """Return the levels of the option, else those that the folders show; check words of splits."""
        levels = read_levels(tree, words, str(self.path)) if self._levels is None else FolderLevels(self._levels)
        depth = levels.names.index("split") if "split" in levels.names else None
        names = [] if depth is None else list(tree.at(depth))
        if self._levels is not None:
            levels = FolderLevels(self._levels, tuple(note_galleries(names, words)))
        if not all(map(words.knows, names)):
            counts = Counter({name: sum(below.values()) for name, below in tree.at(depth or 0).items()})
            raise unknown_words(counts, words, str(self.path), "or say in `levels` what the folders are")
        words.check(str(self.path), names)
        return levels

    def _of_levels(self, uris: Sequence[str], names: tuple[str, ...], words: SplitWords) -> Iterator[Sample]:
        """Yield the samples of images whose folders have every level up to label and identity."""
        fields: dict[str, dict[str, str]] = {}
        for uri in uris:
            folder = uri.rpartition("/")[0]
            if folder not in fields:
                fields[folder] = _fields(folder, names)
            field = fields[folder]
            if any(name in names and name not in field for name in ("label", "identity")):
                self.problems.append(SourceProblem(uri, _NO_LABEL, kind=WITHOUT_LABEL))
                continue
            yield Sample(
                self.name,
                uri,
                label=field.get("label"),
                identity=field.get("identity"),
                aspect=field.get("aspect"),
                camera=field.get("camera"),
                group=field.get("group"),
                split=words.split(field.get("split")),
            )

    def _empty(self, tops: list[str], names: tuple[str, ...], tree: FolderTree) -> list[str]:
        """Return notes about folders of splits and labels that hold no images."""
        full = tree.at(0)
        empty = [name for name in tops if name not in full]
        if names == ("split", "label"):
            for top, below in full.items():
                inside = {path[0] for path in below if path}
                empty += [f"{top}/{name}" for name in folder_names(self.root / top) if name not in inside]
        return [f"Folder '{printable(name)}' holds no images." for name in empty]

    def _no_samples(self, tree: FolderTree, names: tuple[str, ...]) -> str:
        """Return the message for a folder whose images all lack a label."""
        first = next(problem.where for problem in self.problems if problem.kind == WITHOUT_LABEL)
        without = "/".join(name for name in names if name not in {"label", "identity"}) or "_"
        entry = known_names(tree.names)
        labels = "; or are the folders the labels (`levels=label`)?" if names == ("split", "label") else "."
        named = f"; they are named as those of {entry.title}: {entry.way}" if entry else ""
        return (
            f"{self.root} holds images outside any label folder ({tree.images}, first {first}); sort them into one "
            "folder per label, list them in a manifest, read labels from their names by `pattern=REGEX`, or pass "
            f"`levels={without}` to index them without labels{named}{labels}"
        )


def _fields(folder: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the fields that the folders of an image give; levels of one name are joined by a slash."""
    fields: dict[str, str] = {}
    for part, name in zip(folder.split("/") if folder else (), names, strict=False):
        if name != "_":
            fields[name] = f"{fields[name]}/{part}" if name in fields else part
    return fields
