"""One writer; a waiting one says for whom; the dead hold nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import StoreLockedError
from retrieval.store.lock import (
    ReaderTag,
    live_tags,
    records_alone,
    records_shared,
    wait_for_readers,
    writer_lock,
)
from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from pathlib import Path
from retrieval.store.lock import ReaderTag, writer_lock
folder = Path(sys.argv[1])
if sys.argv[2] == "write":
    with writer_lock(folder, 0, print):
        print("held", flush=True)
        time.sleep(60)
else:
    tag = ReaderTag(folder, {"samples": 7})
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path, kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_waits_says_for_whom_and_gives_up(tmp_path: Path) -> None:
    holder = _holder(tmp_path, "write")
    said: list[str] = []
    try:
        start = time.monotonic()
        who = f"process {holder.pid} on "
        with pytest.raises(StoreLockedError, match=who), writer_lock(tmp_path, 0.5, said.append):
            pass
        assert time.monotonic() - start >= 0.5
        assert len(said) == 1
        assert f"process {holder.pid}" in said[0]
    finally:
        holder.kill()
        holder.wait()


def test_the_lock_of_a_killed_writer_is_free(tmp_path: Path) -> None:
    holder = _holder(tmp_path, "write")
    holder.kill()
    holder.wait()
    said: list[str] = []
    with writer_lock(tmp_path, 0, said.append):
        assert said == []


def test_tags_of_living_readers_count_and_those_of_dead_ones_go(tmp_path: Path) -> None:
    own = ReaderTag(tmp_path, {"samples": 3, "spaces": 1})
    holder = _holder(tmp_path, "read")
    assert live_tags(tmp_path) == {"samples": {3, 7}, "spaces": {1}}
    holder.kill()
    holder.wait()
    assert live_tags(tmp_path) == {"samples": {3}, "spaces": {1}}
    assert len(list((tmp_path / "readers").iterdir())) == 1
    own.close()
    own.close()
    assert live_tags(tmp_path) == {}


def test_readers_of_other_versions_are_named(tmp_path: Path) -> None:
    old, new = ReaderTag(tmp_path, {"samples": 3}), ReaderTag(tmp_path, {"samples": 4})
    heard: list[str] = []
    (process,) = wait_for_readers(tmp_path, {"samples": 4}, 0.3, heard.append)
    assert process.startswith(f"process {os.getpid()} on ")
    assert heard == [f"{tmp_path} is read by {process}; waiting up to 0 s."]
    old.close()
    assert wait_for_readers(tmp_path, {"samples": 4}, 5, heard.append) == []
    new.close()


def test_records_are_read_and_appended_unless_somebody_has_them_alone(tmp_path: Path) -> None:
    order: list[str] = []
    with records_shared(tmp_path), records_shared(tmp_path):
        order.append("two at one time")
    with records_alone(tmp_path):
        with records_shared(tmp_path):
            order.append("whoever has them alone reads them, too")
        waiting = threading.Thread(target=lambda: _share(tmp_path, order))
        waiting.start()
        waiting.join(0.2)
        order.append("alone")
    waiting.join(5)
    assert order[1:] == ["whoever has them alone reads them, too", "alone", "after it"]


def _share(folder: Path, order: list[str]) -> None:
    with records_shared(folder):
        order.append("after it")
