"""One writer; a waiting one says for whom; the dead hold nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import StoreLockedError
from retrieval.store.lock import ReaderTag, live_tags, writer_lock
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
