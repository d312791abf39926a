"""What an erasure did, or would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from retrieval.errors import first_names
from retrieval.fitted_table import FittedTable
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    from retrieval.store.erasing.plan import ForgetPlan

OUTSIDE = (
    "Outside the store, and not erased: what was written by --out, --pictures, --sheet, report and exports, and copies "
    "of the store."
)


@dataclass(slots=True)
class EraseReport(ShowsTables):
    """What an erasure did; with ``dry_run``, what it would do.

    Attributes:
        store: the store.
        dry_run: whether nothing was erased.
        finished: whether it went on with an erasure that was stopped.
        samples: samples to forget: id, source, uri and identity of each.
        identities: identities of which no sample is left.
        vectors: space -> number of vectors.
        thumbnails: number of thumbnails.
        split_sets: old name -> new name of split sets that were written again; None where no sample is left.
        results: old sha256 -> new sha256 of results that were written again.
        spaces: names of the spaces that were dropped.
        banks: names of the banks that were dropped.
        remains: sentences about what was not erased, or is to be known.
        files: image files of the samples that still exist.
        searched_files: number of files that were searched afterwards.
        searched_bytes: their size.
        traces: what this search came across; empty if all is erased.
    """

    store: str
    dry_run: bool = False
    finished: bool = False
    samples: list[dict[str, Any]] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    vectors: dict[str, int] = field(default_factory=dict)
    thumbnails: int = 0
    split_sets: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    spaces: list[str] = field(default_factory=list)
    banks: list[str] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    searched_files: int = 0
    searched_bytes: int = 0
    traces: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the search afterwards came across nothing."""
        return not self.traces

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield the report as sentences."""
        if self.finished:
            yield "An erasure that was stopped is finished."
        yield from self._what()
        yield from self.remains
        if self.files:
            yield (
                f"{_counted(len(self.files), 'image file')} of these samples still on the disk "
                f"({first_names(self.files)}); index leaves them out, unless it is told to include what was forgotten."
            )
        if self.dry_run:
            yield "Nothing was erased."
            return
        if self.ok and self.searched_files:
            yield f"Searched afterwards: {self.searched_files:,} files, {self.searched_bytes:,} bytes; nothing is left."
        for trace in self.traces:
            yield f"Still there: {trace}"

    def _what(self) -> Iterator[str]:
        erased, written = ("Would erase", "Would write again") if self.dry_run else ("Erased", "Written again")
        counts = [
            _counted(len(self.samples), "sample"),
            *(f"{_counted(n, 'vector')} of {space}" for space, n in self.vectors.items() if n),
            _counted(self.thumbnails, "thumbnail") if self.thumbnails else "",
        ]
        if self.samples:
            yield f"{erased}: {', '.join(filter(None, counts))}."
        if self.identities:
            names = first_names(self.identities)
            yield f"No sample {'would be' if self.dry_run else 'is'} left of the identities {names}."
        for names_of, what in ((self.spaces, "spaces"), (self.banks, "banks")):
            if names_of:
                yield f"{erased}: {what} {', '.join(names_of)}."
        if self.split_sets:
            yield f"{written} without them: {_counted(len(self.split_sets), 'split set')}."
        if self.results:
            count = _counted(len(self.results), "result")
            yield f"{written}, with a warning that samples were forgotten: {count}."

    def _tables(self) -> Iterator[FittedTable]:
        yield FittedTable("\n".join(self.lines()))


def _counted(n: int, thing: str) -> str:
    several = {"identity": "identities"}.get(thing, f"{thing}s")
    return f"{n:,} {thing if n == 1 else several}"


def report_of(plan: ForgetPlan, *, dry_run: bool) -> EraseReport:
    """Describe a plan."""
    rows = plan.samples.select(["id", "source", "uri", "identity"]).to_pylist()
    return EraseReport(
        plan.snapshot.uri,
        dry_run=dry_run,
        samples=rows,
        identities=list(plan.identities),
        vectors=plan.vector_counts,
        thumbnails=plan.thumbnails,
        split_sets={splits.name: None if splits.new is None else splits.new.name for splits in plan.splits},
        results={result.sha256: result.new_sha256 for result in plan.results},
        remains=[*_remains(plan), OUTSIDE],
        files=list(plan.files),
    )


def _remains(plan: ForgetPlan) -> Iterator[str]:
    """Yield sentences about what of the samples, or like them, stays in the store."""
    if plan.copies:
        names = first_names(f"{row['uri']} ({row['id']})" for row in plan.copies)
        yield (
            f"{_counted(len(plan.copies), 'other sample')} of the same image files, or of copies of them, not "
            f"forgotten: {names}."
        )
    if plan.banks:
        yield (
            f"Banks that may have been made of these samples, not erased: {first_names(plan.banks, 12)}; erase one "
            "with drop-bank."
        )
    if plan.trained_spaces:
        yield (
            f"Spaces of trained encoders, not erased: {first_names(plan.trained_spaces, 12)}; the store does not know "
            "of which samples they were trained."
        )
    if plan.labels:
        yield (
            f"Labels of which no sample is left, and which results and banks may name: {first_names(plan.labels, 12)}."
        )
