"""Read times of capture as people write them, and never guess between two readings.

ISO 8601 and Exif's notation say themselves what they mean. Days and months in other orders, serial days of
spreadsheets and numbers of seconds are decided by all values of the column together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from indexers.tables.base import Cell

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Units of numbers that count from 1970 -> how many make a second."""

SPREADSHEET_START = datetime(1899, 12, 30)  # noqa: DTZ001 - stored times carry no zone
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
SERIALS = (20_000, 80_000)
"""Serial days of spreadsheets that are read as such without being told: years 1954 to 2119."""

SECONDS = (500_000_000, 4_102_444_800)
"""Seconds since 1970 that are read as such without being told: years 1985 to 2100."""

FORMATS = ("auto", "dmy", "mdy", "excel", *UNITS)

PLACEHOLDERS: dict[datetime, str] = {
    EPOCH: "the start of Unix time",
    SPREADSHEET_START: "day 0 of spreadsheets",
    SPREADSHEET_START + timedelta(days=1): "the day before the first of spreadsheets",
}
"""Times that mostly stand for an empty cell; they are kept, and said."""

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?", re.IGNORECASE)
_ZONE = re.compile(r":\d\d(\.\d+)? ?(Z|UTC|GMT|[-+]\d\d(:?\d\d)?)$")
_EXIF = re.compile(r"^(\d{4})[:/.](\d\d?)[:/.](\d\d?)\b")
_DAY_FIRST = re.compile(r"(\d\d?)([-./ ])(\d\d?)\2(\d{4})(?:[T ,]+(\d\d?):(\d\d)(?::(\d\d)(?:\.\d*)?)?)?")
_ZONE_WORD = re.compile(r" ?(UTC|GMT)$")


def as_time(cell: Cell) -> datetime | None:
    """Convert a cell to a datetime without time zone; an empty cell is None.

    Text is read as ISO 8601 or as Exif's ``YYYY:MM:DD hh:mm:ss``. Times with a zone are converted to UTC.

    Raises:
        ValueError: the cell is not a date, or lies outside the years 1 to 9999.
    """
    if isinstance(cell, str):
        cell = _from_text(cell) if cell else None
    if isinstance(cell, datetime):
        try:
            return cell if cell.tzinfo is None else cell.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            raise ValueError(cell) from None
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - stored times carry no zone
    if cell is None:
        return None
    raise ValueError(cell)


def _from_text(text: str) -> datetime:
    def pad(match: re.Match[str]) -> str:
        return f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}"

    return datetime.fromisoformat(_ZONE_WORD.sub("+00:00", _EXIF.sub(pad, text.strip())))


@dataclass
class TimeColumn:
    """How the cells of a column are read as times.

    Attributes:
        name: name of the column, for messages.
        place: gives the place of a row in messages.
        form: ``dmy`` or ``mdy`` (order of day and month), ``excel`` (serial days), a unit of ``UNITS``, a format of
            ``strptime`` such as ``%d.%m.%y``, or ``auto``: ISO 8601 and Exif only.
        note: a sentence for the user on what was decided, or an empty text.
        unread: the first cells that are no time, as pairs of row and text; ``count_unread`` is their number.
        zones: numbers of times without and with a time zone.
    """

    name: str
    form: str = "auto"
    note: str = ""
    place: Callable[[int], str] = "row {}".format
    unread: list[tuple[int, str]] = field(default_factory=list)
    count_unread: int = 0
    zones: list[int] = field(default_factory=lambda: [0, 0])
    placeholders: dict[datetime, int] = field(default_factory=dict)

    def read(self, cell: Cell, row: int) -> datetime | None:
        """Convert a cell; one that is no time becomes None and is counted in ``unread``."""
        if isinstance(cell, str):
            cell = cell.strip()
        if cell is None or cell == "" or cell != cell:  # noqa: PLR0124 - NaN is an empty cell
            return None
        try:
            time = self._convert(cell)
        except (ValueError, OverflowError, ArithmeticError):
            self.count_unread += 1
            if len(self.unread) < 3:
                self.unread.append((row, str(cell)))
            return None
        self._note_time(cell, time, row)
        return time

    def _convert(self, cell: Cell) -> datetime | None:
        if isinstance(cell, date) or self.form == "auto":
            return as_time(_plain(cell))
        text = str(cell)
        if (self.form == "excel" or self.form in UNITS) and float(text) == 0:
            raise ValueError(text)  # a zero stands for an empty cell
        if self.form in {"dmy", "mdy"}:
            return _by_order(text, day_first=self.form == "dmy")
        if self.form == "excel":
            return _seconds_only(SPREADSHEET_START + timedelta(days=float(text)))
        if self.form in UNITS:
            value = Decimal(text) * 1_000_000 / UNITS[self.form]
            return EPOCH + timedelta(microseconds=int(value))
        return as_time(datetime.strptime(text, self.form))  # noqa: DTZ007 - a format may have no zone

    def _note_time(self, cell: Cell, time: datetime | None, row: int) -> None:
        if time in PLACEHOLDERS and time is not None:
            self.placeholders.setdefault(time, row)
        if isinstance(cell, str):
            self.zones[bool(_ZONE.search(cell))] += 1

    def notes(self) -> list[str]:
        """Return sentences on what was decided, and on cells that are no time or a doubtful one."""
        notes = [self.note, self._unread_note()]
        if min(self.zones):
            notes.append(
                f"'{self.name}': times with a zone ({self.zones[1]:,}) are converted to UTC, those without one "
                f"({self.zones[0]:,}) stay as they are."
            )
        notes += [
            f"'{self.name}' is {time:%Y-%m-%d} in {self.place(row)}, {PLACEHOLDERS[time]}, often an empty cell."
            for time, row in self.placeholders.items()
        ]
        return [note for note in notes if note]

    def _unread_note(self) -> str:
        if not self.count_unread:
            return ""
        shown = ", ".join(f"'{text[:40]}' in {self.place(row)}" for row, text in self.unread)
        more = ", ..." if self.count_unread > len(self.unread) else ""
        rows = f"{self.count_unread:,} rows have" if self.count_unread > 1 else "1 row has"
        return (
            f"{rows} no time: '{self.name}' is no date like 2024-05-31T14:00:00 ({shown}{more}); correct it, or say "
            "how it is written with `time_format=`."
        )


def check_format(form: str) -> str:
    """Return a name of ``FORMATS`` or a format of ``strptime``.

    Raises:
        ValueError: it is neither.
    """
    if form in FORMATS:
        return form
    try:
        text = datetime(2020, 12, 31, 23, 59, 58).strftime(form)  # noqa: DTZ001
        datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        text = form
    if "%" not in form or text == form:
        raise ValueError(f"time_format takes {', '.join(FORMATS)} or a format such as %d.%m.%y")
    return form


def find_time_format(
    name: str, cells: Iterable[tuple[int, Cell]], form: str = "auto", place: Callable[[int], str] = "row {}".format
) -> TimeColumn:
    """Decide how a column is read, from all of its cells.

    Args:
        name: name of the column.
        cells: pairs of row and cell.
        form: what the user says; ``auto`` finds it.
        place: gives the place of a row in messages.

    Raises:
        InputError: the order of day and month, or the unit of numbers, cannot be known.
    """
    if form != "auto":
        return TimeColumn(name, form, place=place)
    orders: dict[str, tuple[int, str]] = {}
    numbers: list[tuple[int, float]] = []
    has_dates = False
    for row, cell in cells:
        text = "" if cell is None or isinstance(cell, bool | date) else str(cell).strip()
        if match := _DAY_FIRST.fullmatch(text):
            first, second = int(match[1]), int(match[3])
            dotted = match[2] == "."
            kind = "dmy" if first > 12 or (dotted and second <= 12) else "mdy" if second > 12 else "either"
            orders.setdefault(kind, (row, text))
        elif _NUMBER.fullmatch(text) and not _is_basic_date(text):
            numbers.append((row, float(text)))
        else:
            has_dates = has_dates or _is_time(cell)
    if orders:
        return _by_days(name, orders, place)
    if numbers and not has_dates:
        return _by_numbers(name, numbers, place)
    return TimeColumn(name, place=place)


def _by_days(name: str, orders: dict[str, tuple[int, str]], place: Callable[[int], str]) -> TimeColumn:
    """Choose the order of day and month that every cell allows."""
    if "dmy" in orders and "mdy" in orders:
        (row, text), (other_row, other) = orders["dmy"], orders["mdy"]
        raise InputError(
            f"Column '{name}' has days before months in {place(row)} ('{text}') and after them in "
            f"{place(other_row)} ('{other}'); write its dates like 2024-05-31, or leave the times out with "
            "`columns=captured_at=`."
        )
    if orders.keys() == {"either"}:
        row, text = orders["either"]
        raise InputError(
            f"Column '{name}', {place(row)}: '{text}' may have the day first or the month, and no other row decides "
            "it; say which with `time_format=dmy` or `time_format=mdy`."
        )
    form = "dmy" if "dmy" in orders else "mdy"
    row, text = orders[form]
    order = "day, month, year" if form == "dmy" else "month, day, year"
    return TimeColumn(name, form, f"'{name}' is read as {order} ({place(row)}: '{text}').", place)


def _by_numbers(name: str, numbers: list[tuple[int, float]], place: Callable[[int], str]) -> TimeColumn:
    """Read numbers as serial days or as a unit since 1970, if all of them lie where only one makes sense; 0 is none."""
    row, first = next(((row, number) for row, number in numbers if number), numbers[0])
    ranges = {"excel": SERIALS, **{unit: (SECONDS[0] * n, SECONDS[1] * n) for unit, n in UNITS.items()}}
    fits = [form for form, (low, high) in ranges.items() if all(low <= n <= high or n == 0 for _, n in numbers)]
    if len(fits) != 1:
        shown = f"{first:.0f}" if first.is_integer() else str(first)
        raise InputError(
            f"Column '{name}', {place(row)}: the number {shown} does not say which time it is; say how it is "
            f"written with `time_format=` ({', '.join(('excel', *UNITS))}), or leave the times out with "
            "`columns=captured_at=`."
        )
    column = TimeColumn(name, fits[0])
    what = "days of a spreadsheet" if fits[0] == "excel" else f"{fits[0]} since 1970, in UTC"
    shown_time = column.read(Decimal(str(first)), row)
    return TimeColumn(name, fits[0], f"'{name}' is read as {what} ({place(row)} is {shown_time}).", place)


def _is_time(cell: Cell) -> bool:
    try:
        return as_time(_plain(cell.strip() if isinstance(cell, str) else cell)) is not None
    except ValueError:
        return False


def _is_basic_date(text: str) -> bool:
    """Return whether digits are a date such as 20201231."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("20201231")


def _by_order(text: str, *, day_first: bool) -> datetime | None:
    match = _DAY_FIRST.fullmatch(text)
    if match is None:
        return as_time(text)
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    day, month = (first, second) if day_first else (second, first)
    return datetime(year, month, day, int(match[5] or 0), int(match[6] or 0), int(match[7] or 0))  # noqa: DTZ001


def _plain(cell: Cell) -> Cell:
    """Return whole numbers of eight digits as text, so that 20201231 is a date whatever the type of its column."""
    is_date = isinstance(cell, int) and not isinstance(cell, bool) and _is_basic_date(str(cell))
    return str(cell) if is_date else cell


def _seconds_only(time: datetime) -> datetime:
    """Round to seconds: serial days are fractions in binary."""
    return (time + timedelta(microseconds=500_000)).replace(microsecond=0)
