"""What a refresh compared is kept with the run, and a damaged file says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from retrieval.errors import InputError
from tests.support.written_runs import compared
from training.run_changes import CHANGES, keep_changes, read_changes

if TYPE_CHECKING:
    from pathlib import Path

WRONG: tuple[Any, ...] = (
    [],
    {},
    {"comparisons": 3},
    {"comparisons": [3]},
    {"comparisons": [{"task": "ranking", "a": "x"}]},
    {"comparisons": [{**compared(0.1), "metrics": {"top_1": {"a": "x"}}}]},
    {"comparisons": [{**compared(0.1), "metrics": {"top_1": {"a": 1, "b": 1, "difference": 0, "ci95": [1]}}}]},
    {"comparisons": [{**compared(0.1), "n": {"test": "many"}}]},
)


def test_a_comparison_is_kept_and_replaced(tmp_path: Path) -> None:
    assert read_changes(tmp_path) == {}
    for gain in (0.1, 0.2):
        keep_changes(tmp_path, "old", "new", [compared(gain)], {"k": 10})
    kept = read_changes(tmp_path)
    assert kept == {"parent": "old", "space": "new", "comparisons": [compared(0.2)], "neighbours": {"k": 10}}


@pytest.mark.parametrize("values", WRONG)
def test_a_damaged_file_says_so(values: object, tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"refresh\.json is not the comparison of a refresh; refresh the store with"):
        read_changes(tmp_path)
