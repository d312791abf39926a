"""What adapters gain over zero-shot scores and class means at 1, 2 and 5 shots, by the commands alone.

    python -m tests.studies.adapter_gains species FOLDER [SHOTS ...]
    python -m tests.studies.adapter_gains leaves FOLDER [SHOTS ...]

Of species the frozen sample world is drawn into FOLDER and indexed by vitrine-tiny with the view ``preproj``. Of leaves
FOLDER/store must be there, as docs/training-results.md indexes it.

``train adapter`` learns from the shots of a draw with the recipe that ships, ``refresh`` brings the result into a copy
of the store, and ``eval`` answers the test samples: a matrix as the new space (``zeroshot``, and ``fewshot`` for class
means there), a head as the only arm with a weight in a ``fusion``. Draw k of the job (``data.shot_seed``) has the shots
of repeat k of ``fewshot``, which answers prototypes and logistic regression. Only ``gda*`` chooses on val.

Each number of shots leaves a file such as FOLDER/species-1.json, so that several processes can share the work; what is
there is not measured again. When all are there, Markdown tables of percent are printed. A difference is of the same
samples; its interval is of the randomisation test of ``compare`` over groups, or over samples where there are none.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable
from tests.support.command_line import call_cli, call_json

SHOTS, RESAMPLES = (1, 2, 5), 10_000
DRAWS, LEAF_DRAWS, LEAF_RLA_DRAWS = 20, 10, 3
PROMPTS = "prompts_attr_clean"
NO_VAL = ("data.val_split=null",)
MATRICES = {"rla": (), "prolip": ("--config", "prolip")}
HEADS = {
    "gda": ("method=gda",),
    "gda*": ("method=gda", "gda.a=0.0001,0.001,0.01,0.1,1,10,100"),
    "lp++": ("method=lp++",),
    "clap": ("method=clap",),
}

Hits: TypeAlias = "dict[str, bool]"
"""Whether the class of a test sample is found, by its id."""


class Answers(NamedTuple):
    """Hits of methods in some draws, and the group of every test sample, or its id."""

    hits: dict[str, list[Hits]]
    units: dict[str, str]


class Commands:
    """The command line on a copy of a store, whose only space is the parent of all that is trained."""

    def __init__(self, store: Path, place: Path) -> None:
        self._place, self._store = place, place / "store"
        shutil.copytree(store, self._store)
        self.parent = str(self._call("info")["spaces"][0]["name"])
        self.units: dict[str, str] = {}

    def train(self, out: str, *words: str) -> str:
        """Train the job, and refresh: return the name of the new space, or '' for a head."""
        run = self._place / out
        call_cli("train", "adapter", *words, "--no-refresh", "--quiet", "--space", self.parent, "--store", self._store,
                 "--out", run)  # fmt: skip
        space = self._call("refresh", "--checkpoint", run, "--no-compare")["space"]
        shutil.rmtree(run)
        return str(space or "")

    def drop(self, space: str) -> None:
        """Drop a space."""
        call_cli("drop-space", space, "--yes", "--store", self._store)

    def evaluate(self, mode: str, *words: str, space: str | None = None) -> dict[tuple[int, int], Hits]:
        """Evaluate, and return the hits by draw and seed."""
        result = self._place / "result.json"
        where = () if mode == "fusion" else ("--space", space or self.parent)
        call_cli("eval", "--mode", mode, *words, *where, "-o", "bootstrap=0", "--store", self._store, "--out", result)
        hits: dict[tuple[int, int], Hits] = {}
        with (self._place / "result.assets" / "predictions.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                hits.setdefault((int(row["draw"]), int(row["seed"])), {})[row["id"]] = row["correct"] == "1"
                self.units[row["id"]] = row["group"] or row["id"]
        return hits

    def without_copies(self) -> str:
        """Write the draws of ``holdout`` without the train samples that the job leaves out, and return the file."""
        drawn = self._call("eval", "--mode", "prototype", "--protocol", "holdout", "-o", f"draws={LEAF_DRAWS}",
                           "-o", "bootstrap=0", "--out", self._place / "result.json")  # fmt: skip
        path, rows = self._place / "splits.csv", []
        with (self._place / "result.assets" / "predictions.csv").open(encoding="utf-8", newline="") as file:
            rows += [(int(row["draw"]), "test", row["id"]) for row in csv.DictReader(file)]
        for draw in range(LEAF_DRAWS):
            run = self._place / f"copies-{draw}"
            call_cli("train", "adapter", "method=gda", f"data.split_set={drawn['provenance']['split_set']}",
                     f"data.draw={draw}", *NO_VAL, "--no-refresh", "--quiet", "--store", self._store,
                     "--out", run)  # fmt: skip
            samples = json.loads((run / "samples.json").read_text(encoding="utf-8"))
            rows += [(draw, "train", name) for name in samples["train"]]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("draw", "role", "id"), *rows])
        return str(path)

    def _call(self, *words: str | Path) -> Any:
        return call_json(*words, "--store", self._store)


def species(commands: Commands, shots: int) -> Answers:
    """Answer the test samples by all methods, draw by draw."""
    said, few = f"bank={PROMPTS}", ("-o", f"shots={shots}", "-o")
    hits: dict[str, list[Hits]] = {}
    for name, method in (("prototypes", "prototype"), ("logistic", "linear")):
        answers = commands.evaluate("fewshot", "-o", f"method={method}", *few, f"seeds={DRAWS}")
        hits[name] = [answers[0, draw] for draw in range(DRAWS)]
    hits["zero-shot"] = DRAWS * [commands.evaluate("zeroshot", "-o", said)[0, 0]]
    for draw in range(DRAWS):
        data = (f"data.shots={shots}", f"data.shot_seed={draw}")
        for name, words in MATRICES.items():
            space = commands.train("matrix", *words, *data, *NO_VAL)
            hits.setdefault(name, []).append(commands.evaluate("zeroshot", "-o", said, space=space)[0, 0])
            there = commands.evaluate("fewshot", *few, f"seeds={draw + 1}", space=space)[0, draw]
            hits.setdefault(f"{name}, prototypes there", []).append(there)
            commands.drop(space)
        for at, (name, words) in enumerate(HEADS.items()):
            bank = f"head-{at}-{draw}"
            commands.train("head", *words, *data, *(() if name == "gda*" else NO_VAL), f"name={bank}")
            arms = [f"{commands.parent}:{arm}" for arm in (f"classifier:{bank}", f"prompts:{PROMPTS}")]
            answers = commands.evaluate("fusion", "--arm", f"head={arms[0]}", f"texts={arms[1]}", "-o", "alphas=0")
            hits.setdefault(name, []).append(answers[0, 0])
        print(f"{shots} shots, draw {draw + 1}", file=sys.stderr, flush=True)
    return Answers(hits, commands.units)


def leaves(commands: Commands, shots: int) -> Answers:
    """Answer the test samples of the draws of ``holdout``, with the first repeat of the shots in each.

    The job leaves out train samples that nearly copy a test sample, and ``eval`` does not: all methods have the split
    set without these.
    """
    splits = commands.without_copies()
    few = ("--split-set", splits, "-o", f"shots={shots}", "-o", "seeds=1")
    hits: dict[str, list[Hits]] = {}
    for name, method in (("prototypes", "prototype"), ("logistic", "linear"), ("gda", "gda")):
        answers = commands.evaluate("fewshot", *few, "-o", f"method={method}")
        hits[name] = [answers[draw, 0] for draw in range(LEAF_DRAWS)]
    for draw in range(LEAF_RLA_DRAWS):
        space = commands.train("matrix", f"data.split_set={splits}", f"data.draw={draw}", f"data.shots={shots}",
                               *NO_VAL)  # fmt: skip
        answers = commands.evaluate("fewshot", *few, space=space)
        hits.setdefault(f"rla, prototypes there ({LEAF_RLA_DRAWS} draws)", []).append(answers[draw, 0])
        commands.drop(space)
        print(f"{shots} shots, draw {draw + 1}", file=sys.stderr, flush=True)
    return Answers(hits, commands.units)


STUDIES: Mapping[str, tuple[Callable[[Commands, int], Answers], tuple[str, str]]] = {
    "species": (species, ("zero-shot", "prototypes")),
    "leaves": (leaves, ("prototypes", "logistic")),
}


def draw_species(folder: Path) -> None:
    """Make the store of the species, with the texts of the classes."""
    words = ("--store", folder / "store")
    call_cli("sample", "species", "--out", folder / "species")
    call_cli("index", folder / "species" / "manifest.csv", "--views", "base,preproj", *words)
    call_cli("eval", "--mode", "zeroshot", "--prompts", folder / "species" / f"{PROMPTS}.json", *words)


def print_table(tables: Sequence[Answers], less: str) -> None:
    """Print top-1 of all methods, and the differences to one of them."""
    heads = [f"{shots} {'shot' if shots == 1 else 'shots'}" for shots in SHOTS]
    print(f"\n| | {' | '.join(f'{head} | less {less}' for head in heads)} |\n|---|{'---:|---|' * len(SHOTS)}")
    for name in tables[0].hits:
        cells = []
        for table in tables:
            draws = _tables(table, name)
            cells.append(f"{100 * np.mean([draw.values.mean() for draw in draws]):.1f}")
            cells.append("" if name == less else _difference(_tables(table, less)[: len(draws)], draws))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _tables(answers: Answers, name: str) -> list[DrawTable]:
    """The draws of a method, samples in order of their ids."""
    codes = {unit: code for code, unit in enumerate(sorted(set(answers.units.values())))}
    tables = []
    for hits in answers.hits[name]:
        samples = sorted(hits)
        values = np.array([[float(hits[sample])] for sample in samples])
        tables.append(DrawTable(values, np.array([codes[answers.units[sample]] for sample in samples])))
    return tables


def _difference(before: list[DrawTable], after: list[DrawTable]) -> str:
    rng = np.random.default_rng(0)
    metric = paired_differences(["top_1"], [before], [after], RESAMPLES, rng)["top_1"].metric
    low, high = metric.ci95 or (float("nan"), float("nan"))
    sign = "**" if low > 0 or high < 0 else ""
    return f"{sign}{100 * metric.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]{sign}"


def main(what: str, folder: Path, shots: Sequence[int]) -> None:
    """Measure some numbers of shots, and print the tables when all are measured."""
    study, compared = STUDIES[what]
    if what == "species" and not (folder / "store").exists():
        draw_species(folder)
    files = {number: folder / f"{what}-{number}.json" for number in SHOTS}
    for number in shots:
        if not files[number].exists():
            with tempfile.TemporaryDirectory() as place:
                answers = study(Commands(folder / "store", Path(place)), number)
            files[number].write_text(json.dumps(answers._asdict()))
    if all(file.exists() for file in files.values()):
        tables = [Answers(**json.loads(file.read_text())) for file in files.values()]
        for less in compared:
            print_table(tables, less)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(word) for word in sys.argv[3:]] or SHOTS)
