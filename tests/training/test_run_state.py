"""What a folder says of the run in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import InputError
from training.run_state import RunOutcome, is_running, running

OUTCOME = RunOutcome(interrupted=False, best_epoch=3, best_score=0.5)


def note_of(out: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads((out / "run.json").read_text())
    return note


def test_a_run_is_running_until_it_ends(tmp_path: Path) -> None:
    out = tmp_path / "new" / "run"
    with running(out, "coop", {"space": "tiny"}) as note:
        assert is_running(out)
        assert note_of(out)["state"] == "running"
        with pytest.raises(InputError, match="Another process trains"), running(out, "coop"):
            pass
        (out / "recipe.json").write_text("{}")
        note.set_outcome(OUTCOME)
    assert not is_running(out)
    ended = note_of(out)
    assert {name: ended[name] for name in ("job", "space", "state", "best_epoch", "best_score")} == {
        "job": "coop", "space": "tiny", "state": "finished", "best_epoch": 3, "best_score": 0.5,
    }  # fmt: skip
    with running(out, "coop") as note:
        note.set_outcome(OUTCOME._replace(interrupted=True))
    assert note_of(out)["state"] == "interrupted"


def fail(out: Path, *, writes: bool) -> None:
    with running(out, "coop"):
        if writes:
            (out / "recipe.json").write_text("{}")
        raise InputError("the loss became nan.")


def test_a_failure_is_noted_where_a_run_had_begun(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        fail(tmp_path / "typo", writes=False)
    assert not (tmp_path / "typo").exists()
    with pytest.raises(InputError):
        fail(tmp_path / "run", writes=True)
    assert note_of(tmp_path / "run")["error"] == "the loss became nan."
    assert note_of(tmp_path / "run")["state"] == "failed"


def test_an_attempt_with_another_recipe_leaves_the_note_of_the_run(tmp_path: Path) -> None:
    with running(tmp_path, "coop") as note:
        (tmp_path / "recipe.json").write_text("{}")
        note.set_outcome(OUTCOME)
    before = note_of(tmp_path)
    with pytest.raises(InputError):
        fail(tmp_path, writes=False)
    assert note_of(tmp_path) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with running(tmp_path, "coop"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_killed_process_runs_no_more(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from training.run_state import running\n"
        "with running(Path(sys.argv[1]), 'coop'):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_running(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
    assert not is_running(tmp_path)
    assert note_of(tmp_path)["state"] == "running"  # nobody could write otherwise; the lock decides


def test_a_damaged_note_stays_where_a_run_cannot_go_on(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    (tmp_path / "run.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="the loss became nan"):
        fail(tmp_path, writes=False)
    assert (tmp_path / "run.json").read_bytes() == b"\xff{"
