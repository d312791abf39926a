"""Images in folders: ``<root>/<label>/*`` or ``<root>/<split>/<label>/*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import (
    BaseSource,
    NoOptions,
    images_below,
    inode,
    listing,
    require_folder,
    shown,
    split_name,
)
from retrieval.errors import InputError
from retrieval.types import Problem, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LABEL = "it has no label; put it into a folder named after its label, or list it in a manifest"


class FolderSource(BaseSource):
    """One folder per label, with or without a level of splits above it.

    The first level is taken as splits if *every* sub-folder is named train, val (valid, validation), test,
    query or gallery. Images may lie deeper: the label is the first level below the split. Order: at each level
    images before folders, by name.
    """

    kind: ClassVar[str] = "folder"
    Options = NoOptions

    def __init__(self, path: Path, name: str | None, options: NoOptions) -> None:  # noqa: ARG002 - the seam's signature
        require_folder(path)
        super().__init__(path, path, name)

    def __iter__(self) -> Iterator[Sample]:
        """Yield a sample per image.

        Raises:
            InputError: the folder cannot be read, or holds no labelled image.
        """
        self._start()
        labels = self._listing("")
        by_split = bool(labels) and all(split_name(name) for name in labels)
        self._note_mixture(labels, by_split=by_split)
        count = 0
        for split in labels if by_split else [""]:
            for label in self._listing(split) if by_split else labels:
                for sample in self._labelled(split, label):
                    count += 1
                    yield sample
        if not count:
            raise InputError(self._nothing())

    def _labelled(self, split: str, label: str) -> Iterator[Sample]:
        top = f"{split}/{label}" if split else label
        empty = True
        above = frozenset({inode(self.root), inode(self.root / split)})
        for uri in images_below(self.root, top, self.problems, above):
            empty = False
            yield Sample(self.name, uri, label=label, split=split_name(split))
        if empty:
            self.notes.append(f"Folder '{shown(top)}' holds no images.")

    def _listing(self, folder: str) -> list[str]:
        """Sub-folders of the root or of a split, where no image should lie."""
        try:
            folders, images, _ = listing(str(self.root / folder))
        except OSError as error:
            raise InputError(f"{self.root / folder} cannot be read: {error.strerror}.") from None
        for name in images:
            self.problems.append(Problem(shown(f"{folder}/{name}".lstrip("/")), _NO_LABEL))
        return folders

    def _note_mixture(self, labels: list[str], *, by_split: bool) -> None:
        splits = [name for name in labels if split_name(name)]
        if splits and not by_split:
            other = next(name for name in labels if not split_name(name))
            why = f"because '{shown(other)}' is no split"
            self.notes.append(f"Folders {', '.join(splits)} are taken as labels, not as splits, {why}.")

    def _nothing(self) -> str:
        unlabelled = [problem.where for problem in self.problems if problem.reason == _NO_LABEL]
        if unlabelled:
            return (
                f"{self.root} holds images outside any label folder ({len(unlabelled)}, first {unlabelled[0]}); "
                "sort them into one folder per label, or list them in a manifest."
            )
        return f"{self.root} holds no images; expected LABEL/IMAGE or SPLIT/LABEL/IMAGE below it."
