from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from retrieval.errors import InputError
from tests.support.written_runs import history_of, write_run
from training.run_log import save_history
from training.run_state import running
from training.runs.follow import follow_history


def test_lines_come_as_they_are_written_until_the_run_ends(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v5", "v5", scores=(0.1,))
    begun = threading.Event()

    def train() -> None:
        with running(out, "reid"):
            begun.set()
            for n in (1, 2, 4):
                time.sleep(0.05)
                save_history(out, history_of([0.1] * n))

    thread = threading.Thread(target=train)
    thread.start()
    begun.wait()
    assert [line["epoch"] for line in follow_history(out, poll=0.01)] == [1, 2, 3, 4]
    thread.join()


def test_a_run_that_ended_is_told_at_once(tmp_path: Path) -> None:
    assert [line["score"] for line in follow_history(write_run(tmp_path / "v5", "v5"))] == [0.2, 0.6, 0.5]
    with pytest.raises(InputError, match="holds no training run"):
        list(follow_history(tmp_path))
