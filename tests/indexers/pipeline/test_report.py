"""What the report of an index run counts, and how the command says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from indexers import api
from indexers.pipeline import embed
from indexers.pipeline.report import NOT_REACHED, IndexReport
from retrieval.types import SourceTally
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import write_images

if TYPE_CHECKING:
    import pytest


def test_what_the_source_and_the_run_left_out_is_added() -> None:
    source, run = SourceTally(seen=10, taken=8), SourceTally()
    source.leave_out("not images", "a.txt")
    source.leave_out("unusable", "row 2")
    run.leave_out("unusable", "row 7", 2)
    report = IndexReport("s", unchanged=3, embedded=2, reused=1)
    report.count(source, run)
    assert (report.seen, report.taken) == (10, 6)
    assert report.left_out == {"not images": 1, "unusable": 3}
    assert report.left_out_first == {"not images": "a.txt", "unusable": "row 2"}


def test_an_interrupted_run_counts_what_it_did_not_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def stop_after_some() -> Iterator[object]:
        calls = count()
        yield lambda: next(calls) == 40

    write_images(tmp_path / "images", 60)
    options = {
        "encoder": "torchvision/shufflenet_v2_x0_5",
        "random_init": 0,
        "preprocess": ("resize=32,crop=32",),
        "quiet": True,
    }
    with monkeypatch.context() as patch:
        patch.setattr(embed, "deferred_interrupt", stop_after_some)
        report = api.index(tmp_path / "images", tmp_path / "s", **options)
    assert report.interrupted
    assert (report.seen, report.taken) == (60, report.samples)
    assert report.left_out == {NOT_REACHED: 60 - report.taken}
    report = api.index(tmp_path / "images", tmp_path / "s", **options)
    assert (report.seen, report.taken, report.left_out) == (60, 60, {})


def test_the_command_says_in_one_line_what_was_left_out(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 3)
    command = ("index", tmp_path / "images", "--store", tmp_path / "s", *SMALL_ENCODER)
    assert "Left out" not in call_cli(*command).stdout
    paths[0].with_name("a.txt").write_text("notes")
    paths[0].with_name("b.csv").write_text("a,b")
    paths[1].with_name(".DS_Store").touch()
    line = "Left out 3 of 6 seen: not images 2 (first class0/a.txt), hidden 1 (first class1/.DS_Store).\n"
    assert call_cli(*command).stdout.endswith(line)
    report = call_json(*command)
    assert report["seen"] == report["taken"] + sum(report["left_out"].values()) == 6
