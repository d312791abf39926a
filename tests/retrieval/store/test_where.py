"""Conditions of users: parsed whole, or refused with the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InputError
from retrieval.store.lance import LanceTables
from retrieval.store.where import CHANGING, FUNCTIONS, TYPES, check_condition
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("id", "label", "number", "share", "captured_at", "group", "meta_Age", "meta_my column")


@pytest.mark.parametrize(
    "where",
    [
        "label = 'x'",
        "label = \"x\" OR label <> 'it''s'",
        "NOT label = 'x' AND (number > 1 OR share BETWEEN .5 AND 1e3)",
        "label IN ('x', 'y') AND label NOT IN ('z')",
        "label LIKE 'x!%' ESCAPE '!' OR label NOT ILIKE '%Y'",
        "label IS NOT NULL AND number IS DISTINCT FROM 3",
        "captured_at > timestamp '2020-01-01 00:00:00' AND captured_at < date '2021-01-01'",
        "lower(label) || '_' = 'x_' AND -number + 2 * 3 % 2 < 4 / 1",
        "GROUP = 'g' AND `group` = 'g' AND meta_age = 3 AND `meta_my column` = 'a'",
        "CAST(number AS double) == 1.0",
        "label = 'a;b--c/*d'",
    ],
)
def test_whole_conditions_pass(where: str) -> None:
    check_condition(where, COLUMNS)


@pytest.mark.parametrize(
    ("where", "place", "what"),
    [
        ("label = 'x' AN number = 3", "at character 13, 'AN number = 3'", "AND or OR"),
        ("label = 'x') OR (1 = 1", "at character 12", "should end"),
        ("number IN (1, 2))", "at character 17", "should end"),
        ("number > 1 number < 2", "at character 12", "should end"),
        ("label = 'x' 'y'", "at character 13", "should end"),
        ("label = 'x' LIMIT 1", "at character 13", "should end"),
        ("label = 'x', number = 1", "at character 12", "should end"),
        ("label = 'x' AND", "at its end", "column or a value is missing"),
        ("", "at its end", "column or a value is missing"),
        ("number IN (1, 2", "at its end", r"\) is missing"),
        ("label = 'x", "at character 9", "text has no end"),
        ("1 = 1; drop", "at character 6", "no such sign"),
        ("number = ?", "at character 10", "no such sign"),
        ("number = 5--3", "at character 11", "no comments"),
        ("number = 5 /* five */", "at character 12", "no comments"),
        ("lable = 'x'", "at character 1", "no column lable. Did you mean 'label'"),
        ("label = x", "at character 9", "single quotes"),
        ("label = N'x'", "at character 9", "no column N"),
        ("\"label\" = 'x'", "at character 1", "write the column as label"),
        ("\"meta_my column\" = 'x'", "at character 1", "write the column as `meta_my column`"),
        ("_rowid = 1", "at character 1", "no column _rowid"),
        ("random() < 0.5", "at character 1", "another value at every call"),
        ("captured_at < current_date", "at character 15", "another value at every call"),
        ("uppr(label) = 'X'", "at character 1", "Did you mean 'upper'"),
        ("label NOT 'x'", "at character 11", "IN, BETWEEN or LIKE is missing"),
        ("label IS 'x'", "at character 10", "NULL, TRUE or FALSE"),
        ("CAST(number AS nothing) = 1", "at character 16", "knows the types"),
        ("(" * 200 + "number = 1" + ")" * 200, "at character 102", "nested too deeply"),
    ],
)
def test_others_are_refused_with_the_place(where: str, place: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as error:
        check_condition(where, COLUMNS)
    assert place in str(error.value)


@given(st.text(alphabet="ab1 '\"`()=<>,-+*/%;?$AND OR NOT IN label number", max_size=30))
def test_what_passes_is_read_whole_by_lance_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A condition that passes stays the same condition in parentheses, so Lance ignores nothing at its end."""
    try:
        check_condition(text, COLUMNS)
    except InputError:
        return
    with pytest.raises(InputError, match="should end"):
        check_condition(f"{text}) OR (number = 1", COLUMNS)
    check_condition(f"({text}) OR ({text})", COLUMNS)


def test_lance_has_every_function_and_type(tmp_path: Path) -> None:
    """The table of functions names none that Lance refuses."""
    values = {
        "date_part": "date_part('year', captured_at) = 2020",
        "date_trunc": "date_trunc('day', captured_at) = captured_at",
        "to_timestamp": "to_timestamp('2020-01-01T00:00:00') = captured_at",
        "isnan": "isnan(share)",
        "regexp_like": "regexp_like(label, 'x')",
        "starts_with": "starts_with(label, 'x')",
        "ends_with": "ends_with(label, 'x')",
        "contains": "contains(label, 'x')",
        "strpos": "strpos(label, 'x') = 1",
        "split_part": "split_part(label, '-', 1) = 'x'",
        "replace": "replace(label, 'x', 'y') = 'y'",
        "levenshtein": "levenshtein(label, 'x') = 0",
        "power": "power(number, 2) = 4",
        **{name: f"{name}(share) < 1" for name in ("abs", "round", "sqrt")},
        **{name: f"{name}(number, 2) = 2" for name in ("coalesce", "greatest", "least", "nullif")},
        **{name: f"{name}(label, 1) = 'x'" for name in ("left", "right", "lpad", "rpad")},
        **{name: f"{name}(label) = 1" for name in ("length", "char_length", "character_length")},
    }
    tables = LanceTables(str(tmp_path))
    columns = {"label": ["x"], "number": [2], "share": [0.5], "captured_at": pa.array([0], pa.timestamp("us"))}
    tables.overwrite("samples", pa.table(columns))
    for name in sorted(FUNCTIONS):
        assert tables.read("samples", where=values.get(name, f"{name}(label) = 'x'")).num_rows <= 1
    for name in sorted(TYPES - {"date", "timestamp"}):
        assert tables.read("samples", where=f"CAST(number AS {name}) IS NOT NULL").num_rows == 1


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_nothing_that_changes_is_a_condition(name: str) -> None:
    for text in (f"{name}() = number", f"{name} = number", f"number = {name.upper()}()"):
        with pytest.raises(InputError, match="another value at every call"):
            check_condition(text, COLUMNS)


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        ("label = 3", "write the number in single quotes"),
        ("captured_at > '2020-01-01'", "write timestamp before the text"),
        ("meta_n = '1'", "CAST"),
    ],
)
def test_values_of_another_type_are_told_with_the_way_out(tmp_path: Path, where: str, advice: str) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1), label="3", meta_n=1)
    with store.snapshot() as snapshot:
        with pytest.raises(InputError, match=advice):
            snapshot.samples(["id"], where)
        for fixed in ("label = '3'", "meta_n = 1", "CAST(meta_n AS double) = 1.0"):
            assert snapshot.samples(["id"], fixed).num_rows == 1
        assert snapshot.samples(["id"], "captured_at > timestamp '2020-01-01'").num_rows <= 1
