"""What is done for a sample depends on its row, its file and its vectors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexers.pipeline.plan import StoredRows, steps, survey
from indexers.pipeline.rows import new_row, table
from indexers.sources.registry import open_source
from retrieval.types import Sample, Source, SourceProblem, SourceTally
from tests.support.images import write_images
from tests.support.sample_stores import rows as sample_rows


class Listed:
    """A source of samples that were listed before."""

    name, kind = "folder", "folder"

    def __init__(self, root: Path, samples: list[Sample]) -> None:
        self.root, self._samples = root, samples
        self.problems: list[SourceProblem] = []
        self.notes: list[str] = []
        self.tally = SourceTally()

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)


def rows_of(source: Source, **changed: Any) -> list[dict[str, Any]]:
    """Rows as an index run would have written them."""
    made = []
    for at, sample in enumerate(source):
        found = (source.root / sample.uri).stat()
        row = new_row(sample, at, found.st_size, found.st_mtime_ns, {"content": "c", "key": f"key-{sample.uri}"})
        made.append(row | changed)
    return made


def planned(source: Source, rows: list[dict[str, Any]], embedded: set[str]) -> dict[str, str]:
    with ThreadPoolExecutor(2) as pool:
        return {step.sample.uri: step.action for step in steps(source, StoredRows(table(rows)), embedded, pool)}


def test_every_file_is_kept_relabelled_or_opened(tmp_path: Path) -> None:
    write_images(tmp_path, 5)
    source = open_source(tmp_path, "folder")
    rows = rows_of(source)
    embedded = {row["key"] for row in rows}
    assert set(planned(source, rows, embedded).values()) == {"keep"}
    first, second, third, fourth, _ = (row["uri"] for row in rows)
    rows[0]["label"] = "other"
    rows[1]["size"] += 1
    embedded.remove(rows[2]["key"])
    found = planned(source, [row for row in rows if row["uri"] != fourth], embedded)
    assert {uri: action for uri, action in found.items() if action != "keep"} == {
        first: "relabel", second: "open", third: "open", fourth: "open",
    }  # fmt: skip


def test_a_file_that_is_gone_is_opened_and_a_row_without_sample_has_vanished(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 3)
    source = open_source(tmp_path, "folder")
    rows = rows_of(source)
    listed = list(source)
    paths[0].unlink()
    stored = StoredRows(table(rows))
    with ThreadPoolExecutor(1) as pool:
        found = list(steps(Listed(source.root, listed[:2]), stored, {row["key"] for row in rows}, pool))
    sizes = {step.sample.uri: step.size for step in found}
    assert sizes[paths[0].relative_to(tmp_path).as_posix()] == -1
    assert stored.vanished() == [listed[2].id]


def test_a_survey_counts_and_takes_the_widest_kind() -> None:
    values = (None, 1, 0.5, 2)
    samples = [
        Sample("s", f"{at}.jpg", label="x", split="test" if at else None, meta={"n": n}) for at, n in enumerate(values)
    ]
    contents = survey(samples)
    assert (contents.total, contents.meta_examples) == (4, {"n": 0.5})
    assert (contents.labels, contents.identities, contents.splits) == (1, 0, {"test": 3, "none": 1})
    assert survey([Sample("s", "a.jpg", identity="x")]).splits == {}
    without = survey(samples, lambda sample: sample.uri == "0.jpg")
    assert (without.total, without.splits) == (4, {"test": 3})


@pytest.mark.parametrize(
    ("taken", "start", "new"),
    [
        ([], 0, [0, 1, 2]),
        ([0, 1, 2], 0, [3, 4, 5]),
        ([0, 2, 5], 0, [1, 3, 4]),  # a run that was interrupted goes on as if it had not been
        ([0, 2], 3, [3, 4, 5]),  # the row at 1 was dropped: its number is not given again
        ([], 4, [4, 5, 6]),
        ([6], 3, [3, 4, 5]),
    ],
)
def test_new_samples_get_the_next_free_positions(taken: list[int], start: int, new: list[int]) -> None:
    names = [f"n{at}" for at in taken]
    table = sample_rows(names).set_column(6, "position", pa.array(taken, pa.int64()))
    stored = StoredRows(table, start)
    found = stored.find([*names, "other"])
    assert [stored.position(row) for row in found[:-1]] == taken
    assert [stored.position(None) for _ in new] == new
