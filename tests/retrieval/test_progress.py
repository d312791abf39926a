"""Progress is lines in a log and nothing where it is to be quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.progress import LINE_SECONDS, progress

if TYPE_CHECKING:
    import pytest


def test_a_log_gets_a_line_every_quarter_of_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with progress("Embedding", 1200) as bar:
        for seconds in (1.0, LINE_SECONDS - 1, 5.0, LINE_SECONDS):
            now += seconds
            bar.advance(300, f"loss {seconds:g}" if seconds == LINE_SECONDS else "")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "Embedding: 600 of 1,200, 40.0/s, 15 s left",
        "Embedding: 1,200 of 1,200, 34.3/s, 0 s left, loss 15",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Embedding", 2, quiet=True) as bar:
        bar.advance()
        bar.advance()
    assert capsys.readouterr() == ("", "")
