"""What the command ``index`` says before it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexers.commands import _print_report
from indexers.pipeline.report import IndexReport
from tests.support.command_line import ROOT

WITHOUT_LIBRARIES = """
import sys
sys.modules.update(dict.fromkeys(("torch", "lancedb", "lance", "pyarrow", "numpy")))  # importing them fails
import cli
cli.main()
"""


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (("--encoder", "open_clip/ViT-B-32"), ["Loading the store s and PyTorch for open_clip/ViT-B-32 ..."]),
        ((), ["Loading the store s ..."]),
        (("--json",), []),
    ],
)
def test_the_first_line_comes_before_the_libraries(tmp_path: Path, options: tuple[str, ...], lines: list[str]) -> None:
    words = [sys.executable, "-c", WITHOUT_LIBRARIES, "index", str(tmp_path), "--store", "s", *options]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    *said, error = done.stderr.splitlines()
    assert said == lines
    assert "halted; None in sys.modules" in error
    assert done.stdout == ""


def test_a_flaw_is_not_told_as_unreadable(capsys: pytest.CaptureFixture[str]) -> None:
    report = IndexReport("coco:x", embedded=2, failures={"a.png": "empty"}, flaws={f"at {n}": "odd" for n in range(12)})
    _print_report(report)
    told = capsys.readouterr()
    assert "2 embedded, 1 unreadable, 12 with a flaw that costs no sample;" in told.out
    assert "unreadable: a.png: empty\nflaw: at 0: odd\n" in told.err
    assert "... and 2 more; 'info --json' lists all." in told.err
