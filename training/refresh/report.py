"""What a refresh did, and what it changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from eval.views.tables import comparison_tables
from retrieval.fitted_table import FittedTable
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    from eval.statistics.paired_comparison import Comparison

LACKING = "without all views in the space that was trained from"
WAYS_OUT = {
    LACKING: "index them again with these views, or name fewer `views`",
    "gone": "put the files back and run the same command again, or drop their samples with 'index ... --prune' or "
    "'forget'",
    "changed since they were indexed": "index their source again, then run the same command again",
    "unreadable": "repair the files, index their source again, then run the same command again",
}


@dataclass(frozen=True, slots=True)
class MovedImage:
    """An image whose neighbours changed.

    Attributes:
        id: id of the sample.
        uri: its path.
        name: its class or identity, empty if it has none.
        overlap: share of its nearest neighbours that it kept.
        before: ids of its nearest neighbours in the old space, nearest first.
        after: the same in the new space.
        names_before: classes or identities of these.
        names_after: the same.
    """

    id: str
    uri: str
    name: str
    overlap: float
    before: tuple[str, ...]
    after: tuple[str, ...]
    names_before: tuple[str, ...]
    names_after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeighbourChange:
    """How the neighbours of n samples changed.

    Attributes:
        samples: n.
        of: which samples these are.
        k: number of neighbours: 10, or fewer of few samples.
        overlap: mean share of the k nearest others that a sample kept.
        moved: the samples that lost a neighbour, those that kept fewest first.
        trained: how many of the n samples were trained on, or held out to choose the weights.
    """

    samples: int
    of: str
    k: int
    overlap: float
    moved: tuple[MovedImage, ...]
    trained: int = 0


@dataclass(slots=True)
class SpaceChanges:
    """What is different in the new space: evaluations of both, A the old and B the new one, and neighbours."""

    comparisons: list[Comparison] = field(default_factory=list)
    neighbours: NeighbourChange | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the changes as JSON data."""
        return {
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "neighbours": None if self.neighbours is None else asdict(self.neighbours),
        }


@dataclass(slots=True, repr=False)
class RefreshReport(ShowsTables):
    """What a refresh did, in numbers of images (contents), and what it changed.

    Attributes:
        checkpoint: folder of the training run.
        store: the store.
        parent: space whose samples got vectors.
        space: space of the trained encoder; None if the run left banks only, or nothing could be embedded.
        state: ``complete``, or ``filling`` while images lack a vector.
        embedded: images that were embedded, or mapped, now.
        replaced: vectors that the parent's vectors did not give any more.
        unchanged: images that had their vectors already.
        left_out: images that could not be embedded, by reason.
        left_out_first: the first of each reason.
        failures: uri -> message of all of them.
        banks: banks that were saved, with their spaces.
        interrupted: whether Ctrl-C stopped it; the same command goes on.
        store_version: version of the store afterwards.
        seconds: time that it took.
        notes: sentences for the user.
        changes: comparison of the two spaces; None if they were not compared.
    """

    checkpoint: str
    store: str
    parent: str
    space: str | None = None
    state: str | None = None
    embedded: int = 0
    replaced: int = 0
    unchanged: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    left_out_first: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    banks: list[str] = field(default_factory=list)
    interrupted: bool = False
    store_version: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    changes: SpaceChanges | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "changes"}
        return {**values, "changes": self.changes and self.changes.to_dict()}

    def lines(self) -> Iterator[str]:
        """Yield what was done, as sentences."""
        if self.space is not None:
            parts = [f"{self.embedded:,} new vectors"]
            parts += [f"{self.replaced:,} replaced"] if self.replaced else []
            parts += [f"{self.unchanged:,} unchanged"] if self.unchanged else []
            state = "" if self.state == "complete" else f"; it is still {self.state}"
            yield f"Space {self.space}, made from {self.parent}: {', '.join(parts)}{state}; {self.seconds:.1f} s"
        if self.banks:
            yield f"Banks: {', '.join(self.banks)}"
        for reason, n in self.left_out.items():
            way = WAYS_OUT.get(reason)
            images = "image" if n == 1 else "images"
            first = f" (first {self.left_out_first[reason]})" if reason in self.left_out_first else ""
            yield f"{n:,} {images} {reason}{first}{f'; {way}' if way else ''}."

    def tables(self) -> Iterator[FittedTable]:
        """Yield the comparison of the two spaces."""
        if self.changes is None:
            return
        for comparison in self.changes.comparisons:
            yield from comparison_tables(comparison)
        if self.changes.neighbours is not None:
            yield _neighbours_table(self.changes.neighbours)

    def _tables(self) -> Iterator[FittedTable]:
        yield FittedTable("\n".join(self.lines()))
        yield from self.tables()


def _neighbours_table(change: NeighbourChange) -> FittedTable:
    """One row per image that moved most: what it kept, and its nearest neighbour before and after."""
    title = (
        f"{100 * change.overlap:.1f} % of the {change.k} nearest neighbours are the same, mean over "
        f"{change.samples:,} {change.of}"
    )
    if change.trained:
        title += f", of which the training used {change.trained:,} (train or val)"
    if not change.moved:
        return FittedTable(title)
    table = FittedTable(f"{title}\nthose that kept fewest:")
    for name in ("image", "is"):
        table.add_column(name, "path" if name == "image" else "text")
    table.add_column("kept", "number")
    for name in ("nearest before", "nearest after"):
        table.add_column(name)
    for image in change.moved:
        kept = f"{round(image.overlap * change.k)} of {change.k}"
        table.add_row(image.uri, image.name, kept, image.names_before[0], image.names_after[0])
    return table
