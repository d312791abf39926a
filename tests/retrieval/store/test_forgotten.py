"""The record of forgotten samples knows them, and says nothing to others."""

from __future__ import annotations

import pyarrow as pa

from retrieval.store.forgotten import ForgottenRecord
from retrieval.store.schema import FORGOTTEN

WHEN = "2026-11-28T12:00:00Z"


def record() -> ForgottenRecord:
    rows = ForgottenRecord(FORGOTTEN.empty_table()).rows(["a1", "b2"], ["s", None], ["key-a", None], WHEN)
    return ForgottenRecord(rows)


def test_forgotten_samples_are_known_by_id_and_key() -> None:
    known = record()
    assert len(known) == 2
    assert known.ids_of(["a1", "c3", "b2"]) == {"a1", "b2"}
    assert known.when("a1") == WHEN
    assert known.when("c3") is None
    assert known.has_key("key-a")
    assert known.keys_of(["key-a", "key-b"]) == {"key-a"}
    assert not known.has_key("a1")


def test_the_record_holds_hashes_that_another_store_does_not_have() -> None:
    one, other = (ForgottenRecord(FORGOTTEN.empty_table()).rows(["a1"], ["s"], ["k"], WHEN) for _ in range(2))
    assert one.column("id").to_pylist() != other.column("id").to_pylist()
    assert not {"a1", "k"} & {str(text) for row in one.to_pylist() for text in row.values()}
    both = ForgottenRecord(pa.concat_tables([one, other]))  # as of two stores that were joined
    assert both.ids_of(["a1", "b"]) == {"a1"}


def test_new_rows_have_the_secret_of_the_first() -> None:
    known = record()
    rows = known.rows(["c3"], ["s"], [None], WHEN)
    assert rows.column("id")[0].as_py() == known.hash("c3")
    assert ForgottenRecord(rows).ids_of(["c3", "a1"]) == {"c3"}


def test_an_empty_record_knows_nobody() -> None:
    empty = ForgottenRecord(FORGOTTEN.empty_table())
    assert not len(empty)
    assert empty.ids_of(["a"]) == set()
    assert empty.keys_of(["a"]) == set()
