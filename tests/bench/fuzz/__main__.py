"""Fuzz the command line: ``python -m tests.bench.fuzz --images 2000 --tables 500``; prints figures and findings."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from tests.bench.fuzz.kinds import KINDS
from tests.bench.fuzz.watch import HANG_SECONDS, Finding, Tally, fuzz

FULL = {"images": 2000, "tables": 500, "vectors": 300, "weights": 300, "recipes": 50, "results": 50}


@click.command()
@click.option("--images", type=int, default=0, help="Number of files; likewise for the other kinds.")
@click.option("--tables", type=int, default=0)
@click.option("--vectors", type=int, default=0)
@click.option("--weights", type=int, default=0)
@click.option("--recipes", type=int, default=0)
@click.option("--results", type=int, default=0)
@click.option("--full", is_flag=True, help=f"All kinds: {', '.join(f'{n} {kind}' for kind, n in FULL.items())}.")
@click.option("--first", type=int, default=0, help="Number of the first file, to run one again.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--processes", type=int, default=2, show_default=True)
@click.option("--hang", type=float, default=HANG_SECONDS, show_default=True, help="Seconds; more on a busy machine.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the files of findings.")
def main(*, full: bool, first: int, seed: int, processes: int, hang: float, keep: Path | None, **counts: int) -> None:
    """Run damaged files of each kind; exit 1 if anything was wrong."""
    tallies = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as room:
        for kind, files in (FULL if full else counts).items():
            if files:
                tallies.append(fuzz(kind, files, seed, Path(room), processes=processes, first=first, hang=hang))
                _print_figures(tallies[-1])
        findings = [finding for tally in tallies for finding in tally.findings]
        for finding in findings:
            _print_finding(finding)
        if keep is not None:
            _keep(findings, seed, Path(room), keep)
    sys.exit(1 if findings else 0)


def _print_figures(tally: Tally) -> None:
    statuses = ", ".join(f"{number} x exit {status}" for status, number in sorted(tally.statuses.items()))
    print(
        f"{tally.kind}: {tally.files:,} files in {tally.seconds:.0f} s; {statuses}; slowest command "
        f"{tally.slowest:.1f} s; most memory {tally.memory:,.0f} MiB above {tally.normal:,.0f}; "
        f"{len(tally.findings)} findings",
        flush=True,
    )


def _print_finding(finding: Finding) -> None:
    print(f"\n{finding.kind} {finding.numbers[0]}: {finding.problem}\n  {' '.join(finding.words)}")
    print(f"  {finding.said[-400:]!a}")


def _keep(findings: list[Finding], seed: int, room: Path, folder: Path) -> None:
    """Write the file of each finding, with what was wrong beside it."""
    for kind in {finding.kind for finding in findings}:
        world = room / f"keep-{kind}"
        world.mkdir()
        subject = KINDS[kind](world)
        for finding in (finding for finding in findings if finding.kind == kind):
            name, data = subject.file(finding.numbers[0], seed)
            (folder / kind).mkdir(parents=True, exist_ok=True)
            (folder / kind / name).write_bytes(data)
            note = f"{finding.problem}\n{' '.join(finding.words)}\n{finding.said!a}\n"
            (folder / kind / f"{name}.txt").write_text(note, encoding="utf-8")


if __name__ == "__main__":
    main()
