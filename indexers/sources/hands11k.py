"""The source ``hands11k``: 11k Hands (Afifi 2019), split by id as in MBA-Net and CLIP-FH."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from indexers.sources.base import NO_IMAGE, BaseSource, require_folder
from indexers.tables import TableRow, open_table, row_location
from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError, suggest
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from indexers.tables import InputTable
    from retrieval.types import MetaValue, SourceTally

LAST_TRAIN_ID = {"dorsal right": 1050, "dorsal left": 1037, "palmar right": 1051, "palmar left": 1042}
"""Aspect -> the highest id of its training split; higher ids are test."""

NEEDED = ("id", "accessories", "aspectOfHand", "imageName")
META: dict[str, tuple[str, Callable[[str], MetaValue]]] = {
    "age": ("age", int),
    "gender": ("gender", str),
    "skin_color": ("skinColor", str),
    "accessories": ("accessories", int),
    "nail_polish": ("nailPolish", int),
    "irregularities": ("irregularities", int),
}


class HandRow(NamedTuple):
    """A valid row of ``HandInfo.csv``: ``row`` is its line, ``identity`` the id with its leading zeros."""

    row: int
    identity: str
    aspect: str
    image: str
    meta: dict[str, MetaValue]


class Hands11kOptions(Config):
    """Options of the source ``hands11k``."""

    with_accessories: bool = Field(
        default=False, description="Whether to keep images of hands with accessories, which the protocols leave out."
    )
    val_seed: int = Field(default=0, description="Seed of the choice of validation images.")


class Hands11kSource(BaseSource):
    """11k Hands as it is distributed: ``HandInfo.csv`` beside the folder ``Hands``.

    Uris are ``Hands/<imageName>``, in the order of the table.
    """

    kind: ClassVar[str] = "hands11k"
    Options = Hands11kOptions

    def __init__(self, path: Path, name: str | None, options: Hands11kOptions) -> None:
        root = path.parent if path.name == "HandInfo.csv" else path
        require_folder(root)
        super().__init__(root, root, name)
        self._options = options
        self._csv = root / "HandInfo.csv"
        if not self._csv.is_file():
            raise MissingFileError(f"There is no {self._csv}; 11k Hands is a folder with HandInfo.csv and Hands/.")
        require_folder(root / "Hands")

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per row whose image exists.

        Raises:
            InputError: the table or the folder cannot be read, or none of its images exists.
        """
        table = open_hands(self._csv)
        rows = list(self._rows(table))
        hands = read_hands(table, rows, self.problems, self.tally, with_accessories=self._options.with_accessories)
        present = self._present({str(row.cells[table.columns.index("imageName")]) for row in rows})
        usable = [hand for hand in hands if hand.image in present]
        for hand in hands:
            if hand.image not in present:
                reason = f"there is no image 'Hands/{hand.image}'"
                self.problems.append(
                    SourceProblem(row_location(self._csv, hand.row), reason, missing=True, kind=NO_IMAGE)
                )
        if not usable:
            raise InputError(
                f"{self.root / 'Hands'} holds none of the {len(hands)} images that {self._csv.name} lists."
            )
        for hand, split in zip(usable, assign_splits(usable, self._options.val_seed), strict=True):
            uri = f"Hands/{hand.image}"
            yield Sample(self.name, uri, identity=hand.identity, aspect=hand.aspect, split=split, meta=hand.meta)

    def _present(self, listed: set[str]) -> set[str]:
        """Return the names of the images in ``Hands``, and count the files that no row lists."""
        try:
            folders, images = self._list("Hands")
        except OSError as error:
            raise InputError(f"{self.root / 'Hands'} cannot be read: {error.strerror}.") from None
        for name in folders:
            self._pass_over(f"Hands/{name}", "unused folders")
        for name in images:
            if name not in listed:
                self.tally.leave_out("images that no row lists", f"Hands/{name}")
        self.tally.seen -= len(listed.intersection(images))  # their rows are counted already
        return set(images)


def open_hands(csv: Path) -> InputTable:
    """Open ``HandInfo.csv``.

    Raises:
        InputError: the table cannot be read or lacks a column.
    """
    table = open_table(csv)
    missing = next((name for name in NEEDED if name not in table.columns), None)
    if missing is not None:
        raise InputError(f"{csv} has no column '{missing}'.{suggest(missing, table.columns)}")
    return table


def read_hands(
    table: InputTable,
    rows: Iterable[TableRow],
    problems: list[SourceProblem],
    tally: SourceTally,
    *,
    with_accessories: bool = False,
) -> list[HandRow]:
    """Read the valid rows of ``HandInfo.csv``; image files are not checked.

    Args:
        table: the table, for its path and its columns.
        rows: its rows.
        problems: receives rows with an invalid id, aspect or number, and rows that repeat an image name.
        tally: counts rows with accessories that are left out.
        with_accessories: keep rows with ``accessories`` other than 0.
    """
    hands: dict[str, HandRow] = {}
    for row in rows:
        where = row_location(table.path, row.number)
        try:
            hand = _read(row, table)
        except ValueError as error:
            problems.append(SourceProblem(where, str(error), kind="unusable rows"))
            continue
        if hand.image in hands:
            reason = f"image '{hand.image}' is listed already in row {hands[hand.image].row}"
            problems.append(SourceProblem(where, reason, kind="rows listed again"))
        elif with_accessories or hand.meta["accessories"] == 0:
            hands[hand.image] = hand
        else:
            tally.leave_out("rows with accessories", where)
    return list(hands.values())


def _read(row: TableRow, table: InputTable) -> HandRow:
    """Convert a row; raises ValueError with the reason if a cell is invalid."""
    cells = dict(zip(table.columns, map(str, row.cells), strict=True))
    identity, aspect, image = cells["id"], " ".join(cells["aspectOfHand"].lower().split()), cells["imageName"]
    if not (identity.isascii() and identity.isdigit()):
        raise ValueError(f"id '{identity}' is not a number")
    if aspect not in LAST_TRAIN_ID:
        raise ValueError(f"aspect '{aspect}' is not one of {', '.join(LAST_TRAIN_ID)}")
    if not image or "/" in image or "\\" in image:
        raise ValueError(f"imageName '{image}' is not a file name")
    return HandRow(row.number, identity, aspect, image, {name: _meta(cells, name) for name in META})


def _meta(cells: dict[str, str], name: str) -> MetaValue:
    column, kind = META[name]
    text = cells.get(column, "")
    if not text and name != "accessories":
        return None
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{column} '{text}' is not a number") from None


def assign_splits(hands: Sequence[HandRow], val_seed: int = 0) -> list[str]:
    """Assign a split to each hand: ``train``, ``val`` or ``test``.

    Ids above the limit of their aspect (``LAST_TRAIN_ID``) are ``test``. Of each aspect and training id, the image
    with the smallest random number is ``val``: every row of the table gets one from ``PCG64(val_seed)``, in the order
    of the table. So names do not matter, nor which images are absent, and a row more at the end of the table changes
    the choice among n images with probability 1 / (n + 1).
    """
    numbers = np.random.default_rng(val_seed).random(max((hand.row for hand in hands), default=0) + 1)
    best: dict[tuple[str, str], tuple[float, int]] = {}
    splits = []
    for at, hand in enumerate(hands):
        train = int(hand.identity) <= LAST_TRAIN_ID[hand.aspect]
        splits.append("train" if train else "test")
        if train:
            key = (hand.aspect, hand.identity)
            rank = (float(numbers[hand.row]), at)
            best[key] = min(best.get(key, rank), rank)
    for _, at in best.values():
        splits[at] = "val"
    return splits
