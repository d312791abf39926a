"""Records all cases of a checkout into a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.golden import classes, inputs, others, ranking, real, setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.golden.case import Case

ROOT = Path(__file__).resolve().parents[3]
RUNNER = Path(__file__).with_name("runner.py")
START = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


def shared_data() -> Path | None:
    """The real data sets, where they lie beside this checkout or its main work tree, or VITRINE_SHARED says where."""
    named = os.environ.get("VITRINE_SHARED")
    found = Path(named) if named else ROOT.parent / "shared" / "data"
    return found if found.is_dir() else None


def environment(checkout: Path) -> dict[str, str]:
    """One thread for every library, so that sums are made in one order; modules of the checkout first."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    return {**kept, **threads, "PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0", "COLUMNS": "200"}


def record(folder: Path, checkout: Path) -> int:
    """Run every case and write ``folder/cases/NAME.json``; the number of cases with another exit status than expected.

    Raises:
        SystemExit: the folder is not empty, or the checkout has no ``cli.py``.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty; name a new folder.")
    if not (checkout / "cli.py").is_file():
        raise SystemExit(f"{checkout} is no checkout of Vitrine: it has no cli.py.")
    shared = shared_data()
    if shared is None:
        print("Real data are not beside this checkout (../shared/data); their cases are left out.")
    start = time.perf_counter()
    folders = {name: str(folder.resolve() / name) for name in ("inputs", "stores", "out")}
    folders["shared"] = str(shared)
    for name in ("out", "cases"):
        (folder / name).mkdir(parents=True)
    inputs.write_vectors(folder / "inputs")
    _run("draw", setup.draw(), folder, folders, checkout)
    inputs.write_derived(folder / "inputs")
    if shared is not None:
        inputs.write_real(folder / "inputs", shared)
    cases = [
        *setup.fill(),
        *real.setup(shared),
        *ranking.cases(),
        *classes.cases(),
        *others.cases(),
        *real.cases(shared),
    ]
    _run("cases", cases, folder, folders, checkout)
    unexpected = [
        path for path in sorted((folder / "cases").iterdir()) if _is_unexpected(json.loads(path.read_text("utf-8")))
    ]
    kinds = Counter(case.name.rpartition("/")[0] for case in (*setup.draw(), *cases))
    for kind, number in sorted(kinds.items()):
        print(f"{number:4d}  {kind}")
    print(
        f"{kinds.total():4d}  cases in {time.perf_counter() - start:.0f} s; {len(unexpected)} with another exit status"
    )
    return len(unexpected)


def _is_unexpected(case: dict[str, Any]) -> bool:
    return bool(case["exit"] != case["expected_exit"])


def _run(name: str, cases: Sequence[Case], folder: Path, folders: dict[str, str], checkout: Path) -> None:
    """Run cases in one process whose current folder is the checkout."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), "two cases have one name"
    plan = folder / f"{name}.plan.json"
    plan.write_text(json.dumps({"folders": folders, "cases": [case.to_dict(folders) for case in cases]}), "utf-8")
    subprocess.run(
        [sys.executable, "-c", START, str(RUNNER), str(plan.resolve()), str((folder / "cases").resolve())],
        cwd=checkout, env=environment(checkout.resolve()), check=True,
    )  # fmt: skip
