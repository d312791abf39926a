"""Runs cases in one process, inside the checkout that is measured; needs nothing of the package that it stands in.

``python -c "import runpy; runpy.run_path('runner.py', run_name='__main__')" PLAN OUT`` with the checkout as current
folder. PLAN is JSON: a list of cases. One JSON file for each is written to OUT.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any


def run_command(argv: list[str]) -> tuple[int, str, str, float]:
    """Run ``python cli.py ARGV`` in this process: exit status, what it printed on both streams, seconds."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["cli.py", *argv]
    status: object = 0
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_path("cli.py", run_name="__main__")
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.argv = before
    seconds = time.perf_counter() - start
    return status if isinstance(status, int) else int(status is not None), out.getvalue(), err.getvalue(), seconds


def read_text(text: str) -> Any:
    """JSON where it is JSON, else lines."""
    try:
        return json.loads(text)
    except ValueError:
        return text.splitlines()


def read_file(path: Path) -> Any:
    """A file as data: JSON, rows of a CSV with numbers read, else a hash; None where it is missing."""
    if not path.is_file():
        return None
    if path.suffix == ".json":
        return read_text(path.read_text(encoding="utf-8"))
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [{name: _number(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _number(cell: str) -> str | float:
    """Read decimals; whole numbers and texts stay as they are written."""
    if "." not in cell and "e" not in cell:
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell


def main(plan: Path, out: Path) -> None:
    """Run every case of the plan, in order."""
    described = json.loads(plan.read_text(encoding="utf-8"))
    folders: dict[str, str] = described["folders"]
    for case in described["cases"]:
        status, printed, said, seconds = run_command(case["argv"])
        files = {name: read_file(Path(folders["out"]) / name) for name in case["files"]}
        found = {
            **case,
            "exit": status,
            "printed": read_text(printed),
            "said": said.splitlines(),
            "files_read": files,
        }
        text = json.dumps(found, indent=1, ensure_ascii=False)
        for name, folder in [*folders.items(), ("checkout", str(Path.cwd()))]:
            text = text.replace(folder, f"<{name}>")
        path = out / f"{case['name'].replace('/', '__')}.json"
        path.write_text(text, encoding="utf-8")
        mark = "" if status == case["expected_exit"] else f"  exit {status}, not {case['expected_exit']}: {said[:200]}"
        sys.stderr.write(f"{case['name']} {seconds:.2f} s{mark}\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
