"""The source ``prepared``: re-ID data sets with a folder per draw and role, such as ``query0`` and ``gallery0``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from indexers.sources.base import BaseSource, require_folder
from indexers.sources.pattern import read_pattern
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Sample, SourceProblem, SplitSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAW_FOLDER = re.compile(r"(query|gallery)([0-9]{0,6})")
SPLIT_FOLDERS = ("train", "val", "test")


class PreparedOptions(Config):
    """Options of the source ``prepared``."""

    pattern: str = Field(
        default=r"^(?P<identity>[^_]+)_",
        description="Regular expression whose group identity finds the identity in the names of files that lie in no "
        "folder of their identity.",
    )


class PreparedSource(BaseSource):
    """Folders ``query0 ... query9``, ``gallery0 ... gallery9``, ``train``, ``val`` and ``test``.

    The identity is the name of the sub-folder (``query0/0042/a.jpg``), else it is read from the file name
    (``query0/0042_a.jpg``). Copies of an image in several draws (same identity, file name and size) are one sample with
    the uri of the first copy and the split ``test``. Its role in each draw is in :meth:`split_set`, which ``index``
    stores. ``query`` and ``gallery`` without a number are draw 0. Other folders are not used.
    """

    kind: ClassVar[str] = "prepared"
    Options = PreparedOptions

    def __init__(self, path: Path, name: str | None, options: PreparedOptions) -> None:
        require_folder(path)
        super().__init__(path, path, name)
        self._pattern = read_pattern(options.pattern, "source 'prepared'")
        self._roles: dict[tuple[int, str], str] = {}  # (draw, sample id) -> role

    def _samples(self) -> Iterator[Sample]:
        """Yield one sample for all copies of an image.

        Raises:
            InputError: the folder cannot be read, or there is no query or no gallery.
        """
        self._roles.clear()
        try:
            folders, images = self._list("")
        except OSError as error:
            raise InputError(f"{self.root} cannot be read: {error.strerror}.") from None
        for name in images:
            self.tally.leave_out("in no folder of a draw or split", name)
        for split in ("train", "val"):
            if split in folders:
                yield from (self._sample(uri, identity, split) for uri, identity in self._identities(split))
        yield from self._test_samples([name for name in folders if name == "test" or DRAW_FOLDER.fullmatch(name)])
        missing = {"query", "gallery"} - set(self._roles.values())
        if missing:
            raise InputError(
                f"{self.root} holds no images in {' and '.join(sorted(missing))} folders; expected "
                "query0/IDENTITY/IMAGE, gallery0/IDENTITY/IMAGE and so on."
            )
        unused = [name for name in folders if name not in SPLIT_FOLDERS and not DRAW_FOLDER.fullmatch(name)]
        for name in unused:
            self._pass_over(name, "unused folders")
            self.notes.append(f"Folder '{name}' is not used.")

    def split_set(self) -> SplitSet:
        """Return the role of each sample in each draw, as the folders define them. Call after iterating."""
        draws = np.array([draw for draw, _ in self._roles], np.int64)
        samples = np.array([sample for _, sample in self._roles], np.str_)
        unnamed = SplitSet("", draws, samples, np.array(list(self._roles.values()), np.str_))
        return SplitSet(f"{self.name}@{unnamed.sha256[:8]}", unnamed.draw, unnamed.sample, unnamed.role)

    def _test_samples(self, folders: list[str]) -> Iterator[Sample]:
        """Yield each sample of ``test`` and of the draws once, and record its roles."""
        samples: dict[tuple[str, str, int], Sample] = {}
        for folder in sorted(folders, key=lambda name: (name != "test", name)):
            for uri, identity in self._identities(folder):
                try:
                    size = (self.root / uri).stat().st_size
                except OSError as error:
                    self.problems.append(
                        SourceProblem(uri, f"the file cannot be read: {error.strerror}", kind="unreadable")
                    )
                    continue
                key = (identity, uri.rpartition("/")[2], size)
                if key not in samples:
                    samples[key] = self._sample(uri, identity, "test")
                    yield samples[key]
                else:
                    self.tally.leave_out("further copies in draws", uri)
                self._record_role(folder, samples[key].id, uri)

    def _record_role(self, folder: str, sample: str, uri: str) -> None:
        """Record the role that a sample has because it lies in ``folder``; a second role in a draw is a problem."""
        match = DRAW_FOLDER.fullmatch(folder)
        if match is None:
            return
        role, draw = match[1], int(match[2] or 0)
        if self._roles.setdefault((draw, sample), role) != role:
            self.problems.append(
                SourceProblem(uri, f"the picture is both query and gallery of draw {draw}; it stays a query", kind=None)
            )
            self._roles[draw, sample] = "query"

    def _identities(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield uri and identity of every image of a folder; images without an identity are problems."""
        for uri in self._images_below(folder):
            _, *sub_folders, name = uri.split("/")
            match = None if sub_folders else self._pattern.search(name)
            identity = sub_folders[0] if sub_folders else match and match["identity"]
            if identity:
                yield uri, identity
            else:
                reason = "it lies in no folder of its identity, and its name does not match the pattern"
                self.problems.append(SourceProblem(uri, reason, kind="without an identity"))

    def _sample(self, uri: str, identity: str, split: str) -> Sample:
        return Sample(self.name, uri, identity=identity, split=split)
