"""What learned prompts gain over the texts that they start from, at 1, 2 and 5 shots, and on classes they never saw.

    python -m tests.studies.coop_gains FOLDER [DRAWS]

Draws the species of the frozen world into FOLDER, indexes them by vitrine-tiny and trains by the job coop, on 20 draws
of shots. No sample is held out: epochs and rates are fixed. A class stands in a prompt as a description of its
attributes (the first prompt of prompts_attr_clean.json, without 'a photo of'), or by its invented name. Differences are
of the same test samples; intervals are those of ``compare``, over specimens. Prints Markdown tables of percent; about
ten minutes of one core.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.runs.reading import read_pool, read_vectors
from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.encoders.registry import load
from retrieval.store.open import open_store
from tests.support.command_line import call_cli, call_json
from training.data.read_training_data import read_training_data
from training.export import read_banks
from training.jobs.coop import JOB
from training.jobs.coop_recipe import CoopRecipe
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import Float32

SHOTS, DRAWS, RESAMPLES = (1, 2, 5), 20, 10_000
OPENING = "a photo of "
LONG = {"epochs": 8, "batch": 256, "learning_rate": 2.0, "warm_up_epochs": 0}
SHORT = {"epochs": 30, "batch": 256, "learning_rate": 0.2, "warm_up_epochs": 0}
"""Chosen on val of one draw (seed 0 of the shots), before a test sample was answered."""


class PromptTest(NamedTuple):
    """Test samples: unit vectors (n, d), codes (n,) of the classes, units (n,), names of the classes."""

    vectors: Float32
    labels: NDArray[np.int64]
    units: NDArray[np.int64]
    names: Sequence[str]

    def of(self, names: Sequence[str]) -> PromptTest:
        """The samples of some classes, over these alone."""
        taken = np.isin(self.labels, [self.names.index(name) for name in names])
        kept = np.array([names.index(self.names[label]) for label in self.labels[taken]])
        return PromptTest(self.vectors[taken], kept, self.units[taken], names)

    def hits(self, vectors: Float32, of: Sequence[str]) -> DrawTable:
        """Whether the nearest text is of the right class, given a text for each class of ``of``."""
        order = [list(of).index(name) for name in self.names]
        right = (self.vectors @ vectors[order].T).argmax(axis=1) == self.labels
        return DrawTable(right[:, None].astype(np.float64), self.units)


class PromptStudy:
    """The store, the texts of the classes, and the test samples."""

    def __init__(self, folder: Path) -> None:
        self.texts = folder / "texts.json"
        self.store = open_store(str(_made(folder)))
        prompts = json.loads((folder / "species" / "prompts_attr_clean.json").read_text())
        self.descriptions = {name: texts[0].removeprefix(OPENING) for name, texts in prompts.items()}
        self.texts.write_text(json.dumps({name: [text] for name, text in self.descriptions.items()}))
        with self.store.snapshot() as snapshot:
            self.space = snapshot.space(None)
            pool = read_pool(snapshot, ("id", "key", "uri", "label", "split", "group"), None)
            names = sorted({str(name) for name in pool.columns["label"]})
            taken = pool.take(pool.columns["split"] == "test")
            labels = np.searchsorted(names, taken.columns["label"].astype(str))
            units = np.unique(taken.columns["group"].astype(str), return_inverse=True)[1]
            self.test = PromptTest(read_vectors(snapshot, self.space, "base", taken), labels, units, names)

    def start(self, *, described: bool) -> Float32:
        """Vectors of the texts without training, in the order of the classes."""
        encoder: Any = load(self.space.spec, "cpu")
        stands = self.descriptions if described else {name: name for name in self.test.names}
        vectors: Float32 = encoder.encode_texts([f"{OPENING}{stands[name]}." for name in self.test.names]).vectors
        return vectors

    def trained(self, shots: int, seed: int, **recipe: Any) -> tuple[Float32, list[str]]:
        """Train, and return the vectors of the prompts and their classes."""
        made = CoopRecipe.model_validate({"data": {"shots": shots, "shot_seed": seed, "val_split": None}, **recipe})
        with self.store.snapshot() as snapshot:
            data = read_training_data(self.store, snapshot, self.space, made.data, JOB.needs(made))
        with tempfile.TemporaryDirectory() as place:
            JOB.run(made, data, Path(place) / "run", RunSettings("cpu", quiet=True))
            (bank,) = read_banks(Path(place) / "run")
        return bank.vectors, bank.edge_class.tolist()

    def gains(self, title: str, draws: int, *, described: bool, **recipe: Any) -> None:
        """Print a row for each number of shots."""
        start = self.test.hits(self.start(described=described), self.test.names)
        for shots in SHOTS:
            after = [self.test.hits(*self.trained(shots, seed, **recipe)) for seed in range(draws)]
            print(f"| {title} | {shots} | {_row(start, after)} |", flush=True)

    def base_to_new(self, draws: int, **recipe: Any) -> None:
        """Print rows of the half that is trained on and of the other, each over its own classes."""
        names = list(self.test.names)
        middle = (len(names) + 1) // 2
        trained = [self.trained(5, seed, base_classes="half", **recipe) for seed in range(draws)]
        vectors = self.start(described=True)
        for title, half in (("base", names[:middle]), ("new", names[middle:])):
            test = self.test.of(half)
            row = _row(test.hits(vectors, names), [test.hits(*one) for one in trained])
            print(f"| {title}, {len(half)} classes | 5 | {row} |", flush=True)


def _made(folder: Path) -> Path:
    """The store of the species, drawn and indexed by the command line."""
    store = folder / "store"
    if not store.exists():
        call_cli("sample", "species", "--out", folder / "species")
        call_cli("index", folder / "species" / "manifest.csv", "--store", store)
    return store


def _row(start: DrawTable, after: Sequence[DrawTable]) -> str:
    values = 100 * np.array([draw.values.mean() for draw in after])
    rng = np.random.default_rng(0)
    difference = paired_differences(["top_1"], [[start] * len(after)], [list(after)], RESAMPLES, rng)["top_1"]
    low, high = difference.metric.ci95 or (float("nan"), float("nan"))
    return (
        f"{100 * start.values.mean():.1f} | {values.mean():.1f} | {values.std(ddof=1):.1f} | "
        f"{100 * difference.metric.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] | "
        f"{difference.draws_up} / {difference.draws_equal} / {difference.draws_down}"
    )


def check_by_commands(folder: Path, study: PromptStudy) -> None:
    """Train one draw by the command line, and compare the metric of ``eval`` with that of the study."""
    out, store = folder / "run", folder / "store"
    words = [
        "data.shots=5",
        "data.shot_seed=0",
        "data.val_split=null",
        f"texts={study.texts}",
        "context.words=a photo of",
    ]
    words += [f"loop.{name}={value}" for name, value in LONG.items()]
    call_cli("train", "coop", "--store", store, "--out", out, *words)
    result = call_json("eval", "--mode", "zeroshot", "--store", store, "-o", "bank=coop", "--json")
    (bank,) = read_banks(out)
    table = study.test.hits(bank.vectors, bank.edge_class.tolist())
    assert np.isclose(result["metrics"]["top_1"]["value"], table.values.mean()), result["metrics"]["top_1"]
    print(f"By the commands, one draw of 5 shots: top-1 {100 * table.values.mean():.1f}, as here.", flush=True)


def main(folder: Path, draws: int) -> None:
    """Print all tables."""
    study = PromptStudy(folder)
    head = "shots | start | learned | sd | difference | draws up / equal / down |\n|---|---:|---:|---:|---:|---|---|"
    print(f"| context, and what stands for a class | {head}", flush=True)
    texts, words = {"texts": str(study.texts)}, {"words": OPENING.strip()}
    study.gains("shared, description", draws, described=True, context=words, loop=LONG, **texts)
    own = {**words, "kind": "class"}
    study.gains("own, description", draws, described=True, context=own, loop=LONG, **texts)
    study.gains("own, name", draws, described=False, context={"tokens": 4, "kind": "class"}, loop=SHORT)
    print(f"\n| half | {head}", flush=True)
    study.base_to_new(draws, context=words, loop=LONG, **texts)
    check_by_commands(folder, study)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else DRAWS)
