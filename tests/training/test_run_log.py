from __future__ import annotations

from importlib import util
from pathlib import Path

import pytest

from retrieval.errors import MissingDependencyError
from training.run_log import open_events, print_line, save_history, write_events

LINES = [
    {"epoch": 1, "step": 3, "stage": "images", "loss": 2.5, "images": 12, "seconds": 0.5},
    {"epoch": 2, "step": 6, "stage": "images", "loss": 1.25, "top_1": 0.5, "images": 12, "seconds": 0.5},
]


def test_a_history_is_written_as_lines_and_as_a_table(tmp_path: Path) -> None:
    save_history(tmp_path, LINES)
    assert (tmp_path / "history.csv").read_text() == (
        "epoch,step,stage,loss,images,seconds,top_1\n1,3,images,2.5,12,0.5,\n2,6,images,1.25,12,0.5,0.5\n"
    )
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2


def test_a_line_says_how_fast_it_was_and_how_much_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(LINES[0], 30 * 60)
    assert capsys.readouterr().out == (
        "epoch 1  step 3  stage images  loss 2.5  images 12  seconds 0.5  (24 images/s, 30 min left)\n"
    )


def test_tensorboard_that_is_not_installed_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'vitrine\[tensorboard\]'"):
        open_events(tmp_path)


def test_tensorboard_gets_the_numbers_of_a_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with open_events(tmp_path) as writer:
        for line in LINES:
            write_events(writer, line)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("images/loss")] == [(3, 2.5), (6, 1.25)]
    assert [event.step for event in events.Scalars("images/top_1")] == [6]
