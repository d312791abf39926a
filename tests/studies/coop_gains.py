"""What learned prompts gain over the texts that they start from, at 1, 2 and 5 shots, and on classes they never saw.

    python -m tests.studies.coop_gains FOLDER [DRAWS]

Draws the species of the frozen world into FOLDER, indexes them by vitrine-tiny, and answers the test samples for each
of 20 draws of shots by three commands: ``train coop``, ``refresh``, which makes the learned prompts a bank of the
store, and ``eval --mode zeroshot -o bank=...``. No sample is held out: epochs and rates are fixed. A class stands in a
prompt as a description of its attributes (the first prompt of prompts_attr_clean.json, without 'a photo of'), or by
its invented name. Differences are of the same test samples; intervals are those of ``compare`` with all draws together,
over specimens. Prints Markdown tables of percent; about ten minutes of one core. Answers are kept in FOLDER, and a
study that was stopped goes on where it was.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable
from tests.support.command_line import call_cli

SHOTS, DRAWS, RESAMPLES = (1, 2, 5), 20, 10_000
OPENING = "a photo of"
LONG = ("loop.epochs=8", "loop.learning_rate=2.0")
SHORT = ("loop.epochs=30", "loop.learning_rate=0.2")
"""Chosen on val of one draw (seed 0 of the shots), before a test sample was answered."""

WORDS, OWN_NAME = (f"context.words={OPENING}", *LONG), ("context.kind=class", "context.tokens=4", *SHORT)

HEAD = "shots | start | learned | sd | difference [95 %] | draws up / equal / down |\n|---|---:|---:|---:|---:|---|---|"


class PromptStudy:
    """A folder with the world, its store, the texts, and the answers of the test samples."""

    def __init__(self, folder: Path) -> None:
        """Draw the world and index it, unless the folder has them."""
        self._folder, self._store = folder, folder / "store"
        if not self._store.exists():
            call_cli("sample", "species", "--out", folder / "species")
            call_cli("index", folder / "species" / "manifest.csv", "--store", self._store)
        (folder / "answers").mkdir(exist_ok=True)
        table = csv.DictReader((folder / "species" / "manifest.csv").read_text(encoding="utf-8").splitlines())
        names = sorted({row["label"] for row in table})
        prompts = json.loads((folder / "species" / "prompts_attr_clean.json").read_text(encoding="utf-8"))
        described = {name: prompts[name][0].removeprefix(f"{OPENING} ") for name in names}
        self._texts = self._prompts("texts", described)
        self._start = self._prompts("start", {name: f"{OPENING} {text}." for name, text in described.items()})
        self._start_named = self._prompts("start-named", {name: f"{OPENING} {name}." for name in names})

    def rows(self) -> dict[str, tuple[DrawTable, tuple[str, ...]]]:
        """Answers of the start of every row of all classes, and the options of its training."""
        words = self._answers("start-described", "--prompts", self._start)
        names = self._answers("start-named", "--prompts", self._start_named)
        described = (f"texts={self._texts}", *WORDS)
        return {
            "shared, description": (words, described),
            "own, description": (words, (*described, "context.kind=class")),
            "own, name": (names, OWN_NAME),
        }

    def trained(self, row: str, shots: int, seed: int, *options: str, halves: Sequence[str] = ()) -> list[DrawTable]:
        """Train on a draw of shots, and answer: all classes, or those of every half, each over its own."""
        run = self._folder / "runs" / f"{row}-{shots}-{seed}"
        names = [f"{run.name}-{half}" for half in halves] or [run.name]
        if not all((self._folder / "answers" / f"{name}.json").exists() for name in names):
            draw = (f"bank={run.name}", f"data.shots={shots}", f"data.shot_seed={seed}", "data.val_split=null")
            fixed = ("--quiet", "--no-refresh", "loop.batch=256", "loop.warm_up_epochs=0")
            call_cli("train", "coop", "--store", self._store, "--out", run, *fixed, *draw, *options)
            call_cli("refresh", "--checkpoint", run, "--store", self._store, "--no-compare")
        bank = ("-o", f"bank={run.name}")
        if not halves:
            return [self._answers(run.name, *bank)]
        return [
            self._answers(f"{run.name}-{half}", *bank, "--labels-from", run / f"{half}_classes.txt") for half in halves
        ]

    def base_to_new(self, draws: int) -> dict[str, tuple[DrawTable, list[DrawTable]]]:
        """The half that is trained on and the other: texts that learned nothing, and those that did."""
        halves, described = ("base", "new"), (f"texts={self._texts}", *WORDS)
        after = [self.trained("half", 5, seed, *described, "base_classes=half", halves=halves) for seed in range(draws)]
        tables = {}
        for at, half in enumerate(halves):
            universe = self._folder / "runs" / "half-5-0" / f"{half}_classes.txt"
            start = self._answers(f"start-{half}", "--prompts", self._start, "--labels-from", universe)
            count = len(universe.read_text(encoding="utf-8").splitlines())
            tables[f"{half}, {count} classes"] = (start, [draw[at] for draw in after])
        return tables

    def _prompts(self, name: str, texts: Mapping[str, str]) -> Path:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps({label: [text] for label, text in texts.items()}), encoding="utf-8")
        return path

    def _answers(self, name: str, *options: str | Path) -> DrawTable:
        """Whether the answer for each test sample is right, by ``eval``; its metric must say the same."""
        result = self._folder / "answers" / f"{name}.json"
        if not result.exists():
            call_cli("eval", "--mode", "zeroshot", "--store", self._store, "--out", result, *options)
        written = (result.with_suffix(".assets") / "predictions.csv").read_text(encoding="utf-8")
        rows = sorted(csv.DictReader(written.splitlines()), key=lambda row: row["id"])
        right = np.array([row["correct"] == "1" for row in rows], np.float64)
        top_1 = json.loads(result.read_text(encoding="utf-8"))["metrics"]["top_1"]["value"]
        assert np.isclose(right.mean(), top_1), f"{result}: {right.mean()} of predictions.csv, {top_1} of the result"
        return DrawTable(right[:, None], np.unique([row["group"] for row in rows], return_inverse=True)[1])


def row_of(start: DrawTable, after: Sequence[DrawTable]) -> str:
    """Cells of a table: top-1 before and after, its deviation over draws, and the difference."""
    values = 100 * np.array([draw.values.mean() for draw in after])
    rng = np.random.default_rng(0)
    difference = paired_differences(["top_1"], [[start] * len(after)], [list(after)], RESAMPLES, rng)["top_1"]
    low, high = difference.metric.ci95 or (float("nan"), float("nan"))
    return (
        f"{100 * start.values.mean():.1f} | {values.mean():.1f} | {values.std(ddof=1):.1f} | "
        f"{100 * difference.metric.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] | "
        f"{difference.draws_up} / {difference.draws_equal} / {difference.draws_down}"
    )


def main(folder: Path, draws: int) -> None:
    """Print all tables."""
    study = PromptStudy(folder)
    print(f"| context, and what stands for a class | {HEAD}", flush=True)
    for title, (start, options) in study.rows().items():
        for shots in SHOTS:
            run = title.replace(", ", "-")
            after = [study.trained(run, shots, seed, *options)[0] for seed in range(draws)]
            print(f"| {title} | {shots} | {row_of(start, after)} |", flush=True)
    print(f"\n| half | {HEAD}", flush=True)
    for title, (start, after) in study.base_to_new(draws).items():
        print(f"| {title} | 5 | {row_of(start, after)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else DRAWS)
