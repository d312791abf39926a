"""How long people wait for a first answer: whole processes beside ``import lance, numpy, faiss`` alone.

Each command is a process of its own on the store of ``make demo``, which must exist, or on another store with the
sample world, as the first argument. Rounds alternate. Python keeps its compiled modules, as it does unless a variable
of the environment forbids it. Times are user + system seconds, so that other load moves them less; a ratio is the
median over the rounds of the command divided by the imports of the same round.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 20
IMPORTS = "import lance, numpy, faiss"


class Command(NamedTuple):
    """Arguments of Python, and the highest ratio that is the goal."""

    arguments: tuple[str, ...]
    goal: float


COMMANDS = {
    "info": Command(("cli.py", "info"), 1.6),
    "search --id": Command(("cli.py", "search", "--id", "Hands/Hand_0000001.jpg"), 1.8),
    "eval --mode prototype": Command(("cli.py", "eval", "--mode", "prototype"), 2.5),
    "eval --mode reid": Command(
        ("cli.py", "eval", "--mode", "reid", "--protocol", "clipfh-11k", "--aspect", "all"), 2.5
    ),
    "vitrine.open_store": Command(("-c", "import os, vitrine; vitrine.open_store(os.environ['VITRINE_STORE'])"), 1.3),
}


def seconds(arguments: tuple[str, ...], store: Path) -> float:
    """Run Python with these arguments; return user + system seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "VITRINE_STORE": str(store)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(store: Path = ROOT / "demo" / "store") -> None:
    """Print one table: seconds, ratio to the imports with its quartiles, and the goal."""
    if not store.is_dir():
        print(f"{store}: no store here; 'make demo' makes it.")
        return
    contenders = {"imports": ("-c", IMPORTS), **{name: command.arguments for name, command in COMMANDS.items()}}
    for arguments in contenders.values():  # compiles, and reads what is read from the disk for the first time
        seconds(arguments, store)
    rounds = [{name: seconds(arguments, store) for name, arguments in contenders.items()} for _ in range(ROUNDS)]
    imports = statistics.median(found["imports"] for found in rounds)
    print(f"user + system seconds, median of {ROUNDS} alternating rounds; python -c '{IMPORTS}': {imports:.2f}")
    print(f"{'':24}seconds   ratio   quartiles      goal")
    for name, command in COMMANDS.items():
        ratios = [found[name] / found["imports"] for found in rounds]
        low, ratio, high = statistics.quantiles(ratios, n=4)
        own = statistics.median(found[name] for found in rounds)
        print(f"{name:24}{own:7.2f}{ratio:8.2f}   {low:.2f} to {high:.2f}   {command.goal:.1f}", flush=True)


if __name__ == "__main__":
    main(*(Path(name).resolve() for name in sys.argv[1:2]))
