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


def fail(out: Path, *, begun: bool, error: BaseException | None = None) -> None:
    with running(out, "coop") as note:
        (out / "recipe.json").write_text("{}")
        (out / "cache").mkdir()
        (out / "cache" / "images.npy").write_bytes(b"x")
        if begun:
            note.set_begun()
        raise error or InputError("the loss became nan.")


def test_a_failure_is_noted_where_a_run_had_begun(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        fail(tmp_path / "run", begun=True)
    assert note_of(tmp_path / "run")["error"] == "the loss became nan."
    assert note_of(tmp_path / "run")["state"] == "failed"


def test_what_fails_before_its_first_batch_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the loss became nan"):
        fail(tmp_path / "runs" / "coop-1", begun=False)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_the_first_batch_keeps_what_was_made(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path, begun=False, error=KeyboardInterrupt())
    assert (tmp_path / "cache" / "images.npy").read_bytes() == b"x"
    assert note_of(tmp_path)["state"] == "interrupted"


def test_a_folder_in_which_nothing_can_be_written_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise InputError("No space left on device.")

    monkeypatch.setattr("training.run_state.write_atomically", full)
    with pytest.raises(InputError, match="No space left"):
        fail(tmp_path / "run", begun=False)
    assert list(tmp_path.iterdir()) == []


def test_what_was_in_the_folder_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xff{")
    (tmp_path / "recipe.json").write_text('{"version": "v1"}')
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("x")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    with pytest.raises(InputError, match="the loss became nan"):
        fail(tmp_path, begun=False)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_an_attempt_with_another_recipe_leaves_the_note_of_the_run(tmp_path: Path) -> None:
    with running(tmp_path, "coop") as note:
        (tmp_path / "recipe.json").write_text("{}")
        note.set_outcome(OUTCOME)
    before = note_of(tmp_path)
    with pytest.raises(InputError):
        fail(tmp_path, begun=False)
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
