"""The source ``folder``: images in ``<root>/<label>/*`` or ``<root>/<split>/<label>/*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import (
    BaseSource,
    NoSourceOptions,
    inode,
    printable,
    require_folder,
    split_name,
)
from retrieval.errors import InputError
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LABEL = "it has no label; put it into a folder named after its label, or list it in a manifest"


class FolderSource(BaseSource):
    """One folder per label, with or without a level of splits above the labels.

    The sub-folders of the root are splits if *every* one of them is named train, val (valid, validation), test,
    query or gallery; otherwise they are labels. Images may lie deeper than the label folder. Samples are ordered by
    name, at each level images before folders.
    """

    kind: ClassVar[str] = "folder"
    Options = NoSourceOptions

    def __init__(self, path: Path, name: str | None, options: NoSourceOptions) -> None:  # noqa: ARG002 - the interface has it
        require_folder(path)
        super().__init__(path, path, name)

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per image.

        Raises:
            InputError: the folder cannot be read, or holds no labelled image.
        """
        try:
            labels = self._listing("")
        except OSError as error:
            raise InputError(f"{self.root} cannot be read: {error.strerror}.") from None
        by_split = bool(labels) and all(split_name(name) for name in labels)
        self._note_mixture(labels, by_split=by_split)
        count = 0
        for split in labels if by_split else [""]:
            for label in self._labels(split) if by_split else labels:
                for sample in self._samples_of_label(split, label):
                    count += 1
                    yield sample
        if not count:
            raise InputError(self._no_samples())

    def _samples_of_label(self, split: str, label: str) -> Iterator[Sample]:
        """Yield the samples of one label folder."""
        top = f"{split}/{label}" if split else label
        empty = True
        above = frozenset({inode(self.root), inode(self.root / split)})
        for uri in self._images_below(top, above):
            empty = False
            yield Sample(self.name, uri, label=label, split=split_name(split))
        if empty:
            self.notes.append(f"Folder '{printable(top)}' holds no images.")

    def _labels(self, split: str) -> list[str]:
        """List the label folders of a split; one that cannot be read is a problem, and has none."""
        try:
            return self._listing(split)
        except OSError as error:
            self._pass_over(split, "unreadable folders", f"the folder cannot be read: {error.strerror}")
            return []

    def _listing(self, folder: str) -> list[str]:
        """List the sub-folders of the root or of a split; images that lie directly in it have no label: problems."""
        folders, images = self._list(folder)
        for name in images:
            self.problems.append(
                SourceProblem(printable(f"{folder}/{name}".lstrip("/")), _NO_LABEL, kind="without a label")
            )
        return folders

    def _note_mixture(self, labels: list[str], *, by_split: bool) -> None:
        """Add a note if some, but not all, sub-folders of the root are named like splits."""
        splits = [name for name in labels if split_name(name)]
        if splits and not by_split:
            other = next(name for name in labels if not split_name(name))
            why = f"because '{printable(other)}' is no split"
            self.notes.append(f"Folders {', '.join(splits)} are taken as labels, not as splits, {why}.")

    def _no_samples(self) -> str:
        """Return the message for a folder without any sample."""
        unlabelled = [problem.where for problem in self.problems if problem.reason == _NO_LABEL]
        if unlabelled:
            return (
                f"{self.root} holds images outside any label folder ({len(unlabelled)}, first {unlabelled[0]}); "
                "sort them into one folder per label, or list them in a manifest."
            )
        return f"{self.root} holds no images; expected LABEL/IMAGE or SPLIT/LABEL/IMAGE below it.{self._lies_there()}"
