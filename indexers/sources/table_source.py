"""The base class of sources that have a row per sample, whatever the rows are read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol

from pydantic import BeforeValidator, Field, field_validator

from indexers.sources.base import NO_IMAGE, BaseSource
from indexers.sources.image_paths import PathError
from indexers.sources.manifest_columns import (
    CLASS_FIELDS,
    FIELDS,
    OFTEN_FILLED,
    SimilarColumns,
    check_columns,
    columns_line,
    with_found_columns,
)
from indexers.sources.split_column import SplitColumn, SplitColumnSearch
from indexers.sources.split_words import read_split_option
from indexers.tables import (
    TableRow,
    TimeColumn,
    as_text,
    check_format,
    find_columns,
    find_time_format,
    meta_columns,
)
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from indexers.tables import InputTable, MetaColumn
    from retrieval.types import Box, Polygon


UNLISTED = "images that no row lists"


class RowOptions(Config):
    """Options of all sources that read rows."""

    columns: Mapping[str, str | None] = Field(
        default={},
        description="Own name in the table of a field (filepath, label, identity, ...); an empty name keeps a column "
        "from being used for the field.",
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        default={}, description="Splits that words of the column split are, such as Training: train."
    )
    time_format: str = Field(
        default="auto",
        description="How captured_at is written: dmy or mdy (order of day and month), excel (serial days), s, ms, us "
        "or ns since 1970, or a format such as %d.%m.%y. auto reads ISO 8601, and what all rows together decide.",
    )

    @field_validator("time_format")
    @classmethod
    def _time_format(cls, value: str) -> str:
        return check_format(value)


class RowPaths(Protocol):
    """Finds the image that the cell ``filepath`` of a row names; :class:`ImagePaths` finds files."""

    def prepare(self, texts: Callable[[], Iterable[str]]) -> None: ...

    def is_near(self, text: str) -> bool: ...

    def uri(self, text: str) -> str: ...

    def notes(self) -> list[str]: ...

    def contents(self) -> str: ...


class _Listing(NamedTuple):
    """The first row that lists an image."""

    row: int
    label: str | None
    identity: str | None
    split: str | None


class Region(NamedTuple):
    """The part of an image that a row is of: a box, and the outline in it if the row has one; both None for all."""

    box: Box | None = None
    polygon: Polygon | None = None


class RowError(Exception):
    """A row cannot be used; the message is the reason of its ``SourceProblem``. Never leaves a source."""

    def __init__(self, reason: str, kind: str = "unusable rows", *, missing: bool = False) -> None:
        super().__init__(reason)
        self.kind, self.missing = kind, missing


class TableSource(BaseSource):
    """Rows with one sample each; columns that are no field become typed metadata.

    A row that repeats an image with the same label, identity and split is skipped; with other values it is a problem.

    Args:
        path: what the user gave.
        root: folder that uris are relative to.
        name: name of the source, None for the default.
        table: the rows.
        paths: finds the images that rows name.
        options: fields of columns, words of splits, format of times.
    """

    def __init__(
        self, path: Path, root: Path, name: str | None, table: InputTable, paths: RowPaths, options: RowOptions
    ) -> None:
        super().__init__(path, root, name)
        self._table, self._paths, self._options = table, paths, options
        self._refused: set[str] = set()  # images of rows that were refused for something else than their path
        self._empty: Counter[str] = Counter()  # field -> samples without it
        self._number_fields: set[str] = set()  # fields whose columns hold numbers, noted once each
        columns = with_found_columns(table, {**self._usual_columns(table), **options.columns}, paths)
        self._positions = find_columns(table, FIELDS, columns)
        unlabelled = any(options.columns.get(field, field) is None for field in CLASS_FIELDS)
        check_columns(table, self._positions, unlabelled=unlabelled)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:  # noqa: ARG002 - subclasses look at it
        """Return the names that columns of fields have in data sets of this kind, where the table has them."""
        return {}

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per row whose image exists, in the order of the table.

        Raises:
            InputError: a path leads out of ``image_root``, a split is unknown, or no image exists at all.
        """
        self._number_fields.clear()
        self._empty.clear()
        self._refused.clear()
        self._splits = SplitColumn(self._table, self._positions.get("split"), self._options.split)
        meta = meta_columns(self._table, self._positions.values())
        times = self._time_column()
        self._paths.prepare(self._filepaths)
        listings: dict[tuple[str, str], _Listing] = {}
        columns = {} if self._splits.is_given else {at.name: self._table.columns[at.position] for at in meta}
        search = SplitColumnSearch(columns)
        for row in self._rows(self._table):
            try:
                sample = self._sample(row, meta, times)
            except RowError as error:
                self.problems.append(
                    SourceProblem(self._where(row.number), str(error), missing=error.missing, kind=error.kind)
                )
                continue
            if self._is_new(sample, row.number, listings):
                self._empty.update(field for field in OFTEN_FILLED if getattr(sample, field) is None)
                search.add(sample.meta)
                yield sample
        self._count_unlisted({uri for uri, _ in listings} | self._refused)
        self._add_notes(times)
        if not listings:
            self._refuse_empty()
        self._splits.check()
        self.notes += search.notes()

    def _count_unlisted(self, listed: set[str]) -> None:
        """Count images below the root that no row lists; a table need not list all."""

    def _count_images_outside(self, listed: set[str]) -> None:
        """Count what lies in the root, for a source that is a folder; listed images are counted by their rows."""
        for uri in self._images_below(""):
            if uri in listed:
                self.tally.seen -= 1
            else:
                self.tally.leave_out(UNLISTED, uri)

    def _add_notes(self, times: TimeColumn | None) -> None:
        """Add what was decided about the table: its columns, its paths, its times."""
        empty = {field: n for field, n in self._empty.items() if n < self.tally.taken}
        self.notes[:0] = [columns_line(self._table, self._positions, empty), *self._table.notes]
        self.notes += self._paths.notes()
        self.notes += [f"{self._table.path.name}: {note}" for note in (times.notes() if times else ())]
        if self._table_lacks_header():
            self.notes.append(
                f"{self._table.path.name} has no header line: its columns are called 1, 2, ...; if they mean something "
                "else, set `columns=identity=2` or the like."
            )
        self.notes += SimilarColumns(self._table, self._positions, self._options.columns).notes()

    def _table_lacks_header(self) -> bool:
        return not getattr(self._table, "has_header", True)

    def _where(self, number: int) -> str:
        return self._table.location(number)

    def _filepaths(self) -> Iterator[str]:
        at = self._positions["filepath"]
        return filter(None, (as_text(row.cells[at]) for row in self._table.rows([])))

    def _time_column(self) -> TimeColumn | None:
        at = self._positions.get("captured_at")
        if at is None:
            return None
        cells = ((row.number, row.cells[at]) for row in self._table.rows([]))
        return find_time_format(self._table.columns[at], cells, self._options.time_format, self._place)

    def _place(self, number: int) -> str:
        """Return the place of a row in a sentence that names the file already."""
        return f"row {number}"

    def _sample(self, row: TableRow, meta: Sequence[MetaColumn], times: TimeColumn | None) -> Sample:
        filepath = self._text(row, "filepath")
        if filepath is None:
            raise RowError("the filepath is empty")
        try:
            uri = self._paths.uri(filepath)
        except PathError as error:
            raise RowError(str(error), error.kind or NO_IMAGE, missing=error.kind is None) from None
        except InputError as error:
            raise InputError(f"{self._where(row.number)}: {error}") from None
        try:
            region = self._region(row, uri)
        except RowError:
            self._refused.add(uri)
            raise
        return Sample(
            self.name,
            uri,
            label=self._text(row, "label"),
            identity=self._text(row, "identity"),
            aspect=self._text(row, "aspect"),
            camera=self._text(row, "camera"),
            group=self._text(row, "group"),
            split=self._splits.read(self._text(row, "split")),
            captured_at=times.read(row.cells[self._positions["captured_at"]], row.number) if times else None,
            box=region.box,
            polygon=region.polygon,
            meta={column.name: column.read(row.cells[column.position]) for column in meta},
        )

    def _region(self, row: TableRow, uri: str) -> Region:  # noqa: ARG002 - subclasses read it
        """Return the part of the image that a row is of.

        Raises:
            RowError: the row has a box that cannot be used.
        """
        return Region()

    def _text(self, row: TableRow, field: str) -> str | None:
        at = self._positions.get(field)
        if at is None:
            return None
        text = as_text(row.cells[at])
        # Numbers have lost the leading zeros that an identity may have had, so users are told.
        if text is not None and not isinstance(row.cells[at], str) and field not in self._number_fields:
            self._number_fields.add(field)
            self.notes.append(f"{self._table.path.name} stores {field} as numbers; they are read as text ('{text}').")
        return text

    def _is_new(self, sample: Sample, number: int, listings: dict[tuple[str, str], _Listing]) -> bool:
        """Return whether no earlier row lists the image, or box, of a row; records it in ``listings`` if so."""
        place = sample.uri, sample.crop
        first = listings.get(place)
        if first is None:
            listings[place] = _Listing(number, sample.label, sample.identity, sample.split)
            return True
        repeat = _Listing(first.row, sample.label, sample.identity, sample.split)
        if repeat != first:
            field = next(
                field for field in ("label", "identity", "split") if getattr(repeat, field) != getattr(first, field)
            )
            reason = (
                f"'{sample.uri}' is listed with {field} '{getattr(repeat, field)}', but in row {first.row} with "
                f"'{getattr(first, field)}', which is kept"
            )
            self.problems.append(SourceProblem(self._where(number), reason, kind="rows in conflict"))
        else:
            self.tally.leave_out("rows listed again", self._where(number))
        return False

    def _way_to_images(self) -> str:
        return "index the folder that holds them"

    def _refuse_empty(self) -> None:
        """Raise InputError for a table without a usable row, with the reason of the first row and what lies there."""
        if not self.problems:
            raise InputError(f"{self.path} has a header line but no rows.")
        first = next((problem for problem in self.problems if problem.missing), self.problems[0])
        hint = "correct the table"
        if first.missing:
            hint = f"{self.root} {self._paths.contents()}; {self._way_to_images()}"
        elif "`" in first.reason:
            hint = ""  # the reason names the way out
        raise InputError(f"No row of {self.path} can be used ({first.where}: {first.reason}){hint and f'; {hint}'}.")
