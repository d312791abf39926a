"""Proves that a change moves no number: records what the command line prints, and compares two recordings.

``python -m tests.bench.golden_numbers record FOLDER [--checkout DIR]`` draws the sample world and vectors of a seed,
indexes them, takes real data too where they lie beside the checkout (``../shared/data``, or where the variable
``VITRINE_SHARED`` says), and keeps the JSON of about 300 commands: every mode, protocol and family of options, search,
audit, compare, prompts, and refusals. It goes through ``cli.py`` of DIR (default: this checkout), so it runs on any
commit, in one process of one thread, in about two minutes.

``... compare OLD NEW`` says what differs: integers, texts, choices and draws must be equal, floats to 1e-9, of the
stacker to 1e-6. What may differ, and why, is said in the tables of ``golden/differences.py``: ``IGNORED`` (times,
sizes, versions), ``RENAMED`` (keys), ``EXPECTED`` (changes on purpose), ``WORDING`` (sentences for people) and, with
``--ids-changed``, ``IDENTIFIERS``. Keys that only the new one has are listed as additions. Exit status 1 where a value
is lost or changed.

``... times A B`` prints the wall times of whole commands in two checkouts, the median of five in turn.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.golden.comparing import compare
from tests.bench.golden.recording import ROOT, record
from tests.bench.golden.times import times


def main() -> int:
    """Run one of the three; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.golden_numbers", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="run every case and keep what it prints")
    recording.add_argument("folder", type=Path, help="new folder for the recording")
    recording.add_argument("--checkout", type=Path, default=ROOT, help="checkout of Vitrine that runs")
    comparing = commands.add_parser("compare", help="what differs between two recordings")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    comparing.add_argument("--ids-changed", action="store_true", help="ids and fingerprints may differ")
    comparing.add_argument("--all", action="store_true", help="show every difference")
    timing = commands.add_parser("times", help="whole commands of two checkouts, side by side")
    timing.add_argument("a", type=Path)
    timing.add_argument("b", type=Path)
    given = parser.parse_args()
    if given.command == "record":
        return int(record(given.folder, given.checkout.resolve()) > 0)
    if given.command == "compare":
        return int(compare(given.old, given.new, ids_changed=given.ids_changed, everything=given.all) > 0)
    times(given.a.resolve(), given.b.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
