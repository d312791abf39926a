"""What is written by the csv module in any dialect is read back equal, or it is said what is not.

The examples are the same in every run: some files are a table in two ways, and a run that meets one of them says
nothing about a change. ``tests/bench`` (``fuzz``) draws new ones.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexers.tables import open_table
from retrieval.errors import InputError
from retrieval.types import SourceProblem

cells = st.text(st.sampled_from("ab \"',;|\t\n\\#é0."), max_size=6)


@settings(
    derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    ending=st.sampled_from(["\n", "\r\n"]),
    suffix=st.sampled_from([".csv", ".tsv", ".txt"]),
)
@example(rows=[('"', 'x\ny"z', "a")], delimiter=",", quoting=csv.QUOTE_MINIMAL, ending="\n", suffix=".csv")
def test_a_table_of_any_dialect_is_read_back_equal_or_refused(
    tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str, quoting: int, ending: str, suffix: str
) -> None:
    path = tmp_path / f"t{suffix}"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=ending)  # type: ignore[arg-type]
        writer.writerows([("filepath", "label", "note"), *rows])
    try:
        table = open_table(path)
    except InputError:
        return
    problems: list[SourceProblem] = []
    read = [tuple(str(cell) for cell in row.cells) for row in table.rows(problems)]
    written = [tuple(cell.strip() for cell in row) for row in rows if any(cell.strip() for cell in row)]
    if table.notes:
        assert len(read) + len(problems) + sum(table.skipped.values()) >= len(written)  # marks are said to be text
    else:
        assert read == written


@settings(
    derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    delimiter=st.sampled_from(",\t"),
    mark=st.sampled_from("'\"!"),
    doubled=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
)
def test_no_row_of_an_unusual_dialect_is_lost_without_a_word(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, mark: str, *, doubled: bool, quoting: int
) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(
            file,
            delimiter=delimiter,
            quotechar=mark,
            doublequote=doubled,
            escapechar="\\",
            quoting=quoting,  # type: ignore[arg-type]
            lineterminator="\n",
        )
        writer.writerows([("filepath", "label"), *rows])
    try:
        table = open_table(path)
        problems: list[SourceProblem] = []
        count = len(list(table.rows(problems)))
    except InputError:
        return
    if _is_plain_csv(path, delimiter):
        return  # by accident: nothing tells it from a table whose cells hold line breaks
    full = [row for row in rows if any(cell.strip() for cell in row)]
    lines = [re.search(r"in lines (\d+) to (\d+)", problem.reason) for problem in problems]
    told = sum(int(span[2]) - int(span[1]) + 1 if span else 1 for span in lines)
    assert table.notes or count + told + sum(table.skipped.values()) >= len(full)


def _is_plain_csv(path: Path, delimiter: str) -> bool:
    """Whether a file is a table of two columns in the usual quotation marks, of which some row has several lines."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True) if row]
    except csv.Error:
        return False
    return all(len(row) > 1 and not any(row[2:]) for row in rows) and any("\n" in cell for row in rows for cell in row)
