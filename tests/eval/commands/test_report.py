"""The command report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from eval.commands.report import report_command
from eval.results.files import write_result
from eval.results.schema import EvalResult
from tests.support.drawn_results import result


def write(folder: Path, **results: EvalResult) -> list[Path]:
    for name, each in results.items():
        write_result(each, folder / f"{name}.json")
    return [folder / f"{name}.json" for name in results]


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(report_command, [str(arg) for arg in args])


def bare(mode: str = "knn", **sections: Any) -> EvalResult:
    """A result with nothing but its metrics."""
    return result(mode, 0.5, **{"per_class": None, "confusion": None, "curves": None, **sections})


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    (file,) = write(tmp_path, one=bare())
    done = run(file, file, "--out", tmp_path / "r", "--json", "--title", "One")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert Path(said["html"]).read_text().count("<h1>One</h1>") == 1
    assert [Path(path).name for path in said["pictures"]] == ["overview-bars.svg"]
    assert said["summary"][0].startswith("Classification: 15,614 test samples of 169 classes")
    assert run("--out", tmp_path / "r").exit_code == 2
    assert run(file).exit_code == 2
