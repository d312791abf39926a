"""Conditions on samples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import InputError
from tests.support.command_line import ROOT
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_where_says_what_is_wrong(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1), label="it's", group="g")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"], "label = 'it''s' AND group = 'g'").num_rows == 1
        with pytest.raises(InputError, match=r"labl.*label.*Columns: id, source") as error:
            snapshot.samples(["id"], "labl = 'x'")
        assert ".rs:" not in str(error.value)


def test_a_condition_of_the_user_and_equal_columns_hold_both(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], unit(3), label=["x", "y", "x"], identity="i")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"], "id > 'a'", label="x").column("id").to_pylist() == ["c"]
        assert snapshot.samples(["id"], "id = 'a' OR id = 'b'", label=["y"]).column("id").to_pylist() == ["b"]
        assert snapshot.samples(["id"], "label = 'x'", id_prefix="c").column("id").to_pylist() == ["c"]
        with pytest.raises(InputError, match="at character 9"):
            snapshot.samples(["id"], "id = 'a') OR (1 = 1", label="y")


def test_sql_is_written_in_the_store_alone() -> None:
    words = (r"\bIS (NOT )?NULL\b", r"\bNOT LIKE\b", r"\bLIKE \{", r"\bIN \(\{")
    sql = re.compile("|".join((*words, r"retrieval\.store\.conditions import (?!matching\n)")))
    rooms = ("eval", "indexers", "training", "retrieval")
    found = [
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if "retrieval/store" not in path.as_posix() and sql.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
