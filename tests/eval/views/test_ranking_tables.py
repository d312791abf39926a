"""Tables of rankings on a terminal."""

from __future__ import annotations

import os
import pty
import re
import threading
from contextlib import redirect_stdout, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.support.sample_stores import store_with, unit

NAMES = [f"{at:02d}" for at in range(24)]


IDENTITY = [f"p{at % 6}" for at in range(24)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "s.vitrine"
    store_with(folder, NAMES, unit(24), identity=IDENTITY, camera=[f"c{at % 5}" for at in range(24)])
    return folder


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def on_a_terminal(columns: int, *args: str | Path) -> str:
    """What a command prints on a terminal so wide, without the styles."""
    ours, theirs = pty.openpty()
    read: list[bytes] = []

    def listen() -> None:
        with suppress(OSError):  # Linux says so that the other side is closed
            while more := os.read(ours, 65536):
                read.append(more)

    listener = threading.Thread(target=listen)
    listener.start()
    with os.fdopen(theirs, "w") as terminal, redirect_stdout(terminal), pytest.MonkeyPatch.context() as patch:
        for name, value in (("COLUMNS", str(columns)), ("TERM", "xterm"), ("NO_COLOR", "1")):
            patch.setenv(name, value)
        cli([*map(str, args)], standalone_mode=False)
    listener.join()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(read).decode())


@pytest.mark.parametrize(
    "args",
    [
        ("--mode", "reid", "--aspect", "all", "--all-definitions", "-o", "slice=camera", "-o", "draws=3"),
        ("--mode", "verification", "--aspect", "all", "-o", "draws=3"),
    ],
)
def test_a_narrow_terminal_loses_nothing(tmp_path: Path, args: tuple[str, ...]) -> None:
    aspects = ["dorsal left", "palmar right"] * 12
    people = [f"p{at % 8 // 2}" for at in range(24)]
    store_with(tmp_path / "s", NAMES, unit(24), identity=people, aspect=aspects, camera=IDENTITY[::-1])
    command = ("eval", *args, "-o", "bootstrap=20", "--store", str(tmp_path / "s"))
    wide = on_a_terminal(1000, *command).split()
    narrow = on_a_terminal(80, *command)
    assert max(map(len, narrow.splitlines())) <= 80
    assert set(narrow.split()) >= set(wide)


def test_slices_with_many_metrics_are_columns(store: Path) -> None:
    ask = ("eval", "--mode", "reid", "--store", store, "-o", "draws=2", "-o", "bootstrap=0", "-o", "slice=camera")
    few, many = (run(*ask, "-o", f"ranks={ranks}").stdout for ranks in ("1", "1,2,3,4,5,6,7"))
    assert [line.split()[0] for line in few.splitlines() if line.startswith(("c0 ", "camera "))] == ["camera", "c0"]
    slices = many[many.index("\ncamera ") :].splitlines()
    heads = [line.split() for line in slices if line.startswith(("camera ", "queries  "))]
    cameras = {line.split()[0] for line in few.splitlines() if re.match(r"c\d ", line)}
    assert cameras >= {"c0", "c4"}
    assert set(heads[0][1:]) == cameras
    assert len(heads[1]) == len(heads[0])


def test_a_caption_says_what_was_done_to_scores_and_names_aspects(store: Path, tmp_path: Path) -> None:
    eval_reid = ("eval", "--mode", "reid", "--store", store, "-o", "draws=2")
    plain = run(*eval_reid)
    assert "[95 % by bootstrap" in plain.stdout
    assert "rerank" not in plain.stdout
    assert "95 %" not in run(*eval_reid, "-o", "bootstrap=0").stdout
    done = run(*eval_reid, "-o", "rerank=alpha-qe", "-o", "n=3")
    assert "custom, from monte-carlo" in done.stdout
    assert "rerank=alpha-qe · n=3 · alpha=3.0 · transductive" in " ".join(done.stdout.split())
    assert "rerank=alpha-qe" in run("results", "--store", store).stdout
    hands = tmp_path / "hands"
    store_with(hands, NAMES, unit(24), identity=IDENTITY, aspect=[("left", "right")[at // 12] for at in range(24)])
    cross = ("--protocol", "cross-aspect", "-o", "query_aspect=left", "-o", "gallery_aspect=right")
    said = run("eval", "--mode", "reid", "--store", hands, *cross).stdout
    assert "query_aspect=left · gallery_aspect=right · mirror=false" in " ".join(said.split())
