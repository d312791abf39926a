from __future__ import annotations

from datetime import datetime

import pytest

from indexers.tables import Cell, as_time, check_format, find_time_format
from retrieval.errors import InputError

NOON = datetime.fromisoformat("2024-05-31T12:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31T12:00:00",
        "2024:05:31 12:00:00",
        "2024/5/31 12:00:00",
        "2024.05.31 12:00",
        "2024-05-31T14:00:00+02:00",
        "2024-05-31T12:00:00Z",
        "2024-05-31 12:00:00 UTC",
        "2024-05-31 12:00",
    ],
)
def test_times_that_say_themselves_what_they_mean(text: str) -> None:
    assert as_time(text) == NOON


@pytest.mark.parametrize(
    "cell", ["yesterday", "0000-00-00", "0000:00:00 00:00:00", "2020-02-30", "2020", "31/12/2020", 44196, 1.5, True]
)
def test_what_is_no_time(cell: Cell) -> None:
    with pytest.raises(ValueError, match=r"."):
        as_time(cell)
    assert as_time("") is None


def test_a_zone_at_the_end_of_time_is_no_time() -> None:
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(ValueError, match="00"):
            as_time(text)


def read(cells: list[Cell], form: str = "auto") -> tuple[list[str], list[str]]:
    """Read a column and return its times as text (``-`` is none), and the notes."""
    rows = list(enumerate(cells, 2))
    column = find_time_format("captured_at", rows, form)
    times = [column.read(cell, row) for row, cell in rows]
    return [str(time) if time else "-" for time in times], column.notes()


@pytest.mark.parametrize(
    ("cells", "times", "note"),
    [
        (
            ["31/12/2020", "01/02/2020"],
            ["2020-12-31 00:00:00", "2020-02-01 00:00:00"],
            "day, month, year (row 2",
        ),
        (["12/31/2020 8:05"], ["2020-12-31 08:05:00"], "read as month, day, year"),
        (["31.12.2020", "1.2.2020"], ["2020-12-31 00:00:00", "2020-02-01 00:00:00"], "day, month, year"),
        (["1.2.2020"], ["2020-02-01 00:00:00"], "day, month, year"),
        (["31-12-2020", "2020-12-30"], ["2020-12-31 00:00:00", "2020-12-30 00:00:00"], "day, month, year"),
        (
            ["1609459200", ""],
            ["2021-01-01 00:00:00", "-"],
            "s since 1970, in UTC (row 2 is 2021-01-01 00:00:00)",
        ),
        (["1609459200.5"], ["2021-01-01 00:00:00.500000"], "s since 1970"),
        ([1609459200000], ["2021-01-01 00:00:00"], "ms since 1970"),
        ([1609459200000000], ["2021-01-01 00:00:00"], "us since 1970"),
        (["1609459200123456789"], ["2021-01-01 00:00:00.123456"], "ns since 1970"),
        (["44196", "44196.5"], ["2020-12-31 00:00:00", "2020-12-31 12:00:00"], "days of a spreadsheet"),
        ([20201231], ["2020-12-31 00:00:00"], ""),
        (["20201231", "2020-12-31"], ["2020-12-31 00:00:00"] * 2, ""),
    ],
)
def test_columns_that_decide_themselves(cells: list[Cell], times: list[str], note: str) -> None:
    read_times, notes = read(cells)
    assert read_times == times
    assert note in " ".join(notes)
    assert bool(note) == bool(notes)


@pytest.mark.parametrize(
    ("cells", "message", "forms"),
    [
        (["01/02/2020"], r"row 2: '01/02/2020' may have the day first or the month.*`time_format=dmy`", ("dmy", "mdy")),
        (["5", "6"], r"row 2: the number 5 does not say which time", ("s", "excel")),
        (["1609459200", "1609459200000"], "does not say which time", ("ms",)),
        (["44196", "1609459200"], "does not say which time", ("s",)),
    ],
)
def test_columns_that_may_mean_two_things_are_refused_and_the_ways_out_work(
    cells: list[Cell], message: str, forms: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=message):
        read(cells)
    assert len({tuple(read(cells, form)[0]) for form in forms}) == len(forms)


def test_both_orders_in_one_column(tmp_path: object) -> None:
    with pytest.raises(InputError, match=r"days before months in row 2 \('31/12/2020'\) and after them in row 3"):
        read(["31/12/2020", "12/31/2020"])


def test_cells_that_are_no_time_are_counted_with_row_and_column() -> None:
    times, notes = read(["2020-12-31", "0000-00-00", "soon", "2020-02-30", "1999"])
    assert times == ["2020-12-31 00:00:00", "-", "-", "-", "-"]
    (note,) = notes
    assert note.startswith(
        "4 rows have no time: 'captured_at' is no date like 2024-05-31T14:00:00 ('0000-00-00' in row 3"
    )
    assert note.endswith("'2020-02-30' in row 5, ...); correct it, or say how it is written with `time_format=`.")
    assert read(["1609459200", "0", "soon"])[0] == ["2021-01-01 00:00:00", "-", "-"]


def test_doubtful_times_are_kept_and_said() -> None:
    times, notes = read(["1899-12-30", "1970-01-01 00:00:00", "1899-05-01"])
    assert times == ["1899-12-30 00:00:00", "1970-01-01 00:00:00", "1899-05-01 00:00:00"]
    assert notes == [
        "'captured_at' is 1899-12-30 in row 2, day 0 of spreadsheets, often an empty cell.",
        "'captured_at' is 1970-01-01 in row 3, the start of Unix time, often an empty cell.",
    ]
    _, notes = read(["2020-12-31T12:00:00Z", "2020-12-31T12:00:00"])
    assert notes == [
        "'captured_at': times with a zone (1) are converted to UTC, those without one (1) stay as they are.",
    ]


def test_a_format_of_strptime() -> None:
    assert read(["31.12.20", "x"], check_format("%d.%m.%y"))[0] == ["2020-12-31 00:00:00", "-"]
    for form in ("day", "%", "%Q", "dd.mm"):
        with pytest.raises(ValueError, match="time_format takes"):
            check_format(form)
