"""Re-ID data whose draws lie in folders: ``query0 ... query9``, ``gallery0 ... gallery9``, ``train``, ``val``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from indexers.sources.base import BaseSource, images_below, listing, require_folder
from indexers.sources.pattern import read_pattern
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Problem, Sample, SplitSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAW_FOLDER = re.compile(r"(query|gallery)([0-9]{0,6})")
OWN_SPLIT = {"train": "train", "val": "val", "test": "test"}


class PreparedOptions(Config):
    """Options of the source ``prepared``."""

    pattern: str = Field(
        default=r"^(?P<identity>[^_]+)_",
        description="Regular expression whose group identity finds the identity in the names of files that lie in no "
        "folder of their identity.",
    )


class PreparedSource(BaseSource):
    """Identity from the sub-folder (``query0/0042/a.jpg``), else from the file name (``query0/0042_a.jpg``).

    A picture that lies in several draws is one sample (same identity, file name and size), with the uri of its first
    copy and the split ``test``; which role it has in which draw is the split set of the source, which ``index`` keeps.
    Folders without a number are draw 0; other folders are not used.
    """

    kind: ClassVar[str] = "prepared"
    Options = PreparedOptions

    def __init__(self, path: Path, name: str | None, options: PreparedOptions) -> None:
        require_folder(path)
        super().__init__(path, path, name)
        self._pattern = read_pattern(options.pattern, "source 'prepared'")
        self._rows: dict[tuple[int, str], str] = {}

    def __iter__(self) -> Iterator[Sample]:
        """Yield a sample per picture.

        Raises:
            InputError: the folder cannot be read, or there is no query or no gallery.
        """
        self._start()
        self._rows.clear()
        try:
            folders, _, _ = listing(str(self.root))
        except OSError as error:
            raise InputError(f"{self.root} cannot be read: {error.strerror}.") from None
        for name, split in OWN_SPLIT.items():
            if name in folders and name != "test":
                yield from (self._sample(uri, who, split) for uri, who in self._people(name))
        yield from self._drawn([name for name in folders if name == "test" or DRAW_FOLDER.fullmatch(name)])
        missing = {"query", "gallery"} - set(self._rows.values())
        if missing:
            raise InputError(
                f"{self.root} holds no images in {' and '.join(sorted(missing))} folders; expected "
                "query0/IDENTITY/IMAGE, gallery0/IDENTITY/IMAGE and so on."
            )
        unused = [name for name in folders if name not in OWN_SPLIT and not DRAW_FOLDER.fullmatch(name)]
        self.notes += [f"Folder '{name}' is not used." for name in unused]

    def split_set(self) -> SplitSet:
        """The draws that the folders make."""
        draws = np.array([draw for draw, _ in self._rows], np.int64)
        samples = np.array([sample for _, sample in self._rows], np.str_)
        made = SplitSet("", draws, samples, np.array(list(self._rows.values()), np.str_))
        return SplitSet(f"{self.name}@{made.sha256[:8]}", made.draw, made.sample, made.role)

    def _drawn(self, folders: list[str]) -> Iterator[Sample]:
        """Samples of all draws, each once; fills the rows of the split set."""
        known: dict[tuple[str, str, int], Sample] = {}
        for folder in sorted(folders, key=lambda name: (name != "test", name)):
            for uri, who in self._people(folder):
                try:
                    size = (self.root / uri).stat().st_size
                except OSError as error:
                    self.problems.append(Problem(uri, f"the file cannot be read: {error.strerror}"))
                    continue
                key = (who, uri.rpartition("/")[2], size)
                if key not in known:
                    known[key] = self._sample(uri, who, "test")
                    yield known[key]
                self._put(folder, known[key].id, uri)

    def _put(self, folder: str, sample: str, uri: str) -> None:
        match = DRAW_FOLDER.fullmatch(folder)
        if match is None:
            return
        role, draw = match[1], int(match[2] or 0)
        if self._rows.setdefault((draw, sample), role) != role:
            self.problems.append(
                Problem(uri, f"the picture is both query and gallery of draw {draw}; it stays a query")
            )
            self._rows[draw, sample] = "query"

    def _people(self, folder: str) -> Iterator[tuple[str, str]]:
        """Uri and identity of every image of a folder."""
        for uri in images_below(self.root, folder, self.problems):
            _, *between, name = uri.split("/")
            match = None if between else self._pattern.search(name)
            who = between[0] if between else match and match["identity"]
            if who:
                yield uri, who
            else:
                reason = "it lies in no folder of its identity, and its name does not match the pattern"
                self.problems.append(Problem(uri, reason))

    def _sample(self, uri: str, who: str, split: str) -> Sample:
        return Sample(self.name, uri, identity=who, split=split)
