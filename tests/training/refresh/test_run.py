"""A refresh that is stopped: Ctrl-C, two kills (``tests/bench/bench_refresh`` has thirty), a full disk."""

from __future__ import annotations

import errno
import signal
import time
from pathlib import Path

import pytest

from retrieval.types import SpaceInfo
from tests.support.command_line import call_cli
from tests.support.refresh_kills import MODULES, kill_refreshes
from tests.support.trained_runs import adapter_run, classifier_run, drawn_store, spaces, vectors
from tests.support.warm_start import warm_start


def test_two_kills_and_ctrl_c_leave_the_old_space_and_the_next_run_finishes(tmp_path: Path) -> None:
    parent = drawn_store(tmp_path, 48)
    with warm_start(modules=MODULES) as start:
        assert kill_refreshes(start, tmp_path, parent, kills=2) == 2
        run = classifier_run(tmp_path / "stopped", parent, seed=9)
        words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s", "--commit-seconds", "0")
        process = start(*words, output=tmp_path / "said.txt")
        while process.poll() is None and len(spaces(tmp_path)) == 1 + len(list(tmp_path.glob("run*"))):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    assert "Stopped; what is done is kept. Run the same command again to go on." in process.said()
    new = spaces(tmp_path)[-1]
    assert (new.state, 0 < new.rows < 48) == ("filling", True)
    said = call_cli(*words, "--no-compare").stdout
    assert f"{48 - new.rows} new vectors, {new.rows} unchanged; " in said
    assert spaces(tmp_path)[-1].state == "complete"


@pytest.mark.parametrize("make", [classifier_run, adapter_run])
def test_a_full_disk_is_one_sentence_and_the_old_space_stays(
    tmp_path: Path, parent: SpaceInfo, monkeypatch: pytest.MonkeyPatch, make: object
) -> None:
    run = make(tmp_path / "run", parent)  # type: ignore[operator]
    before = vectors(tmp_path, parent)
    words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s", "--no-compare")
    with monkeypatch.context() as patch:
        from retrieval.store.lance import LanceTables

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "s"))

        patch.setattr(LanceTables, "append", full)
        failed = call_cli(*words, check=1)
    assert "No space left on device; make room on the disk, or choose another place, and run the same" in failed.stderr
    assert vectors(tmp_path, parent) == before
    assert "18 new vectors" in call_cli(*words).stdout
