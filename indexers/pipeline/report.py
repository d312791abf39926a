"""Options and report of indexing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from retrieval.image_formats import MAX_PIXELS

if TYPE_CHECKING:
    from indexers.pipeline.plan import SourceSurvey
    from retrieval.types import SourceTally

COMMIT_SECONDS = 20.0
NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index; ``IndexRequest`` describes the options. ``commit_seconds`` is the time between commits.

    ``tell`` gets the notes of the source before the first image is opened.
    """

    views: tuple[str, ...] = ("base",)
    workers: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    commit_seconds: float = COMMIT_SECONDS
    thumbnails: bool = True
    prune: bool = False
    include_forgotten: bool = False
    max_pixels: int = MAX_PIXELS
    quiet: bool = False
    tell: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class IndexReport:
    """Result of indexing a source, in numbers of samples.

    ``samples`` is the number in the whole store afterwards. ``unchanged`` samples needed no work. ``embedded`` ones
    were encoded; ``reused`` ones have the content of another sample and its vectors; of ``relabelled`` ones only fields
    of the source changed. ``missing`` are rows whose image does not exist, ``vanished`` stored samples that the source
    no longer has, of which ``pruned`` were deleted. ``failures`` maps uris to the reason why they cannot be read.
    ``flaws`` maps places in the source to what is wrong there and costs no sample, such as an outline that is none.
    ``notes`` are sentences for the user. ``encoder`` is what the encoder was resolved to: its full name, licence, the
    size of its images and their normalisation.

    ``seen`` is the number of rows, files and folders that the source came across: ``taken`` samples, which the store
    now has, plus those ``left_out`` for each reason. ``left_out_first`` names the first of each. The samples of the
    source have so many different ``labels``, ``identities`` and ``cameras``; ``splits`` are their numbers by split.
    """

    source: str
    samples: int = 0
    unchanged: int = 0
    embedded: int = 0
    reused: int = 0
    relabelled: int = 0
    seen: int = 0
    taken: int = 0
    missing: int = 0
    vanished: int = 0
    pruned: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    space: str | None = None
    store_version: int = 0
    labels: int = 0
    identities: int = 0
    cameras: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    left_out_first: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    flaws: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    encoder: dict[str, Any] = field(default_factory=dict)

    def count(self, source: SourceTally, run: SourceTally) -> None:
        """Set what was seen, taken and left out.

        Args:
            source: complete tally of the source.
            run: what the run left out of the samples of the source. Those that it did not reach are added.
        """
        self.seen = source.seen
        self.taken = self.unchanged + self.embedded + self.reused + self.relabelled
        not_reached = source.taken - self.taken - sum(run.left_out.values())
        for tally in (source, run):
            for reason, n in tally.left_out.items():
                self.left_out[reason] = self.left_out.get(reason, 0) + n
                self.left_out_first.setdefault(reason, tally.first[reason])
        if not_reached:
            self.left_out[NOT_REACHED] = not_reached

    def describe(self, contents: SourceSurvey) -> None:
        """Set the numbers of labels, identities and cameras, and of samples by split."""
        self.labels, self.identities, self.cameras = contents.labels, contents.identities, contents.cameras
        self.splits = dict(contents.splits)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)
