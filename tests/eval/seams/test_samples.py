from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.seams import samples
from eval.seams.samples import rows_of_ids, shared_rows

if TYPE_CHECKING:
    import pytest

NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)


@given(st.lists(NAMES, unique=True, max_size=30), st.lists(NAMES, max_size=30))
def test_rows_of_ids_are_those_of_a_dictionary(ids: list[str], others: list[str]) -> None:
    wanted = [*ids[::2], *others]
    positions = {name: at for at, name in enumerate(ids)}
    rows = rows_of_ids(np.array(ids, np.str_), np.array(wanted, np.str_))
    assert rows.tolist() == [positions.get(name, -1) for name in wanted]


def test_ids_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_MULTIPLIER", np.uint64(0))  # the hash is the last character
    ids = np.array(["ax", "bx", "cy"])
    assert rows_of_ids(ids, np.array(["bx", "ax", "dx", "cy"])).tolist() == [1, 0, -1, 2]


@given(st.lists(st.sampled_from(["a", "b", "c", None, "d"]), max_size=20))
def test_shared_rows_are_in_order_of_the_first(values: list[str | None]) -> None:
    expected = [[at for at, other in enumerate(values) if other == value] for value in dict.fromkeys(values) if value]
    assert shared_rows(np.array([*values, None], np.object_)[:-1]) == [rows for rows in expected if len(rows) > 1]
