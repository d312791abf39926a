"""A bounded part of the fuzz run: a few mutations of every kind, the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.fuzz.watch import fuzz

if TYPE_CHECKING:
    from pathlib import Path

AFTER_ODD = 100
"""Number of a file behind the odd ones, some of which take long to make."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "files"),
    [("images", 50), ("tables", 4), ("vectors", 10), ("weights", 4), ("recipes", 2), ("results", 3)],
)
def test_damaged_files_end_in_one_sentence_or_in_counts_that_add_up(tmp_path: Path, kind: str, files: int) -> None:
    tally = fuzz(kind, files, 0, tmp_path, first=AFTER_ODD, hang=120)
    assert [f"{finding.kind} {finding.numbers}: {finding.problem} {finding.said}" for finding in tally.findings] == []
    assert sum(tally.statuses.values()) > 0
