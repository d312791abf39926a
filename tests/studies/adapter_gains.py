"""What adapters gain over zero-shot scores and class means at 1, 2 and 5 shots.

    python -m tests.studies.adapter_gains species STORE      the sample world's species in vitrine-tiny
    python -m tests.studies.adapter_gains leaves STORE       real leaves in EfficientNet-B3: GDA, and RLA with ``rla``

The stores are made by the commands in docs/training-results.md. Each draw (20, of leaves 10) trains on shots of the
train samples alone, with the settings of the recipes that ship, and answers the test samples. Only ``gda*`` chooses on
val. A difference is of the same samples; its interval is of the randomisation test of ``compare`` over groups, or over
samples where there are none. Prints Markdown tables of percent.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.protocols.base import Request, whole_split
from eval.registry import load_protocol
from eval.runs.reading import read_pool, read_vectors
from eval.scorers.linear import LinearOptions, fit_linear
from eval.scorers.pooling import class_texts
from eval.scorers.prototypes import class_means
from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.encoders.adapter import adapted_vectors, read_adapter
from retrieval.store.open import open_store
from tests.support.adapter_tasks import recipe
from training.data.read_training_data import read_training_data
from training.export import read_banks
from training.jobs.adapter import JOB
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from retrieval.types import Float32, SpaceInfo
    from training.data.training_data import TrainingData

DRAWS, LEAF_DRAWS, SHOTS, RESAMPLES = 20, 10, (1, 2, 5), 10_000
A_ON_VAL = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
HOLDOUT = "adapter-study"


class Test(NamedTuple):
    """Test samples of a draw: unit vectors (n, d), codes (n,) of the classes, and units (n,) of the interval."""

    vectors: Float32
    labels: NDArray[np.int64]
    units: NDArray[np.int64]


class Study:
    """A store, and the methods that are compared on it."""

    def __init__(self, path: str, *, texts: bool, methods: Mapping[str, Mapping[str, Any]]) -> None:
        self.store, self.texts, self._methods = open_store(path), texts, methods
        self._units: dict[str, int] = {}

    def run(self) -> None:
        """Print the tables of all shots."""
        for shots in SHOTS:
            tables: dict[str, list[DrawTable]] = {}
            for draw in range(DRAWS if self.texts else LEAF_DRAWS):
                with self.store.snapshot() as snapshot:
                    space = snapshot.space(None)
                    test = self._test(snapshot, space, draw)
                    for name, hits in self._answers(snapshot, space, shots, draw, test).items():
                        tables.setdefault(name, []).append(DrawTable(hits[:, None].astype(np.float64), test.units))
                print(f"{shots} shots, draw {draw + 1}", file=sys.stderr, flush=True)
            _print(
                shots, tables, "zero-shot" if self.texts else "prototypes", "prototypes" if self.texts else "logistic"
            )

    def _data(self, snapshot: Any, space: SpaceInfo, shots: int, draw: int, **data: Any) -> TrainingData:
        where = {} if self.texts else {"split_set": HOLDOUT, "draw": draw}
        made = recipe(data={"shots": shots, "shot_seed": draw, "val_split": None, **where, **data})
        return read_training_data(self.store, snapshot, space, made.data, JOB.needs(made))

    def _test(self, snapshot: Any, space: SpaceInfo, draw: int) -> Test:
        pool = read_pool(snapshot, ("id", "key", "uri", "label", "split", "group"), None)
        if self.texts:
            taken = pool.take(pool.columns["split"] == "test")
        else:
            splits = self.store.read_splits(HOLDOUT)
            chosen = (splits.role == "test") & (splits.draw == draw)
            taken = pool.take(pool.mask(splits.sample[chosen]))
        names = sorted({str(name) for name in pool.columns["label"]})
        labels = np.searchsorted(names, taken.columns["label"].astype(str))
        units = [self._units.setdefault(key, len(self._units)) for key in _groups(taken)]
        return Test(read_vectors(snapshot, space, "base", taken), labels, np.array(units))

    def _answers(self, snapshot: Any, space: SpaceInfo, shots: int, draw: int, test: Test) -> dict[str, Any]:
        """Whether the class of each test sample is found, by method."""
        data = self._data(snapshot, space, shots, draw)
        rows, count = data.rows("train"), len(data.classes)
        train, labels = data.vectors["base"].vectors[rows], data.target[rows]
        answers: dict[str, Any] = {}

        def add(name: str, logits: Any) -> None:
            answers[name] = np.argmax(np.nan_to_num(logits, nan=-np.inf), axis=1) == test.labels

        add("prototypes", test.vectors @ class_means(train, labels, count).T)
        model = fit_linear(train, labels, 100.0, LinearOptions())
        add("logistic", test.vectors @ model.weights.T + model.bias)
        if self.texts:
            texts = class_texts(_class_bank(data), count)
            add("zero-shot", test.vectors @ texts.T)
        for name, values in self._methods.items():
            with tempfile.TemporaryDirectory() as place:
                out = Path(place) / "run"
                used = data
                if name == "gda*":
                    used = self._data(snapshot, space, shots, draw, val_split="val")
                JOB.run(recipe(**values), used, out, RunSettings("cpu", True))
                if values["method"] == "rla":
                    matrix = read_adapter(out).matrix
                    mapped, trained = (
                        adapted_vectors(test.vectors, matrix).vectors,
                        adapted_vectors(train, matrix).vectors,
                    )
                    if self.texts:
                        add(name, mapped @ texts.T)
                    add(f"{name}, prototypes there", mapped @ class_means(trained, labels, count).T)
                else:
                    (head,) = read_banks(out)
                    add(name, test.vectors @ head.vectors.T + np.asarray(head.bias))
        return answers


def _groups(pool: Pool) -> list[str]:
    """Group of every sample, or the sample itself where it has none."""
    return [str(group or name) for group, name in zip(pool.columns["group"], pool.ids, strict=True)]


def _class_bank(data: TrainingData) -> Any:
    from eval.runs.arms import class_bank

    return class_bank(data.banks[0], data.classes, data.banks[0].name)


RLA, GDA = {"rla": {"method": "rla"}}, {"gda": {"method": "gda"}}
SPECIES: Mapping[str, Mapping[str, Any]] = {
    **RLA,
    **GDA,
    "gda*": {"method": "gda", "gda": {"a": A_ON_VAL}},
    "lp++": {"method": "lp++"},
    "clap": {"method": "clap"},
}


def _print(shots: int, tables: Mapping[str, list[DrawTable]], first: str, second: str) -> None:
    """Print a table: top-1, its deviation over draws, and the differences to two of the methods."""
    print(f"\n| {shots} {'shot' if shots == 1 else 'shots'} | top-1 | sd | less {first} | less {second} |")
    print("|---|---:|---:|---|---|")
    for name, draws in tables.items():
        values = 100 * np.array([draw.values.mean() for draw in draws])
        cells = [_difference(tables[other], draws) if other != name else "" for other in (first, second)]
        print(f"| {name} | {values.mean():.1f} | {values.std(ddof=1):.1f} | {' | '.join(cells)} |", flush=True)


def _difference(before: list[DrawTable], after: list[DrawTable]) -> str:
    rng = np.random.default_rng(0)
    metric = paired_differences(["top_1"], [before], [after], RESAMPLES, rng)["top_1"].metric
    low, high = metric.ci95 or (float("nan"), float("nan"))
    sign = "**" if low > 0 or high < 0 else ""
    return f"{sign}{100 * metric.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]{sign}"


def hold_out(path: str) -> None:
    """Store the draws of the protocol ``holdout`` that the leaves are evaluated on."""
    store = open_store(path)
    if HOLDOUT in store.split_sets():
        return
    with store.snapshot() as snapshot:
        pool = read_pool(snapshot, ("id", "key", "uri", "label", "identity", "split", "group", "source"), None)
    rule = load_protocol("holdout")
    splits = whole_split(rule.parts(pool, Request(draws=LEAF_DRAWS, seed=0, options=rule.options.read({}, "study"))))
    store.save_splits(replace(splits, name=HOLDOUT))


def main(what: str, path: str, *more: str) -> None:
    """Run a study."""
    if what == "leaves":
        hold_out(path)
        Study(path, texts=False, methods={**GDA, **(RLA if "rla" in more else {})}).run()
    else:
        Study(path, texts=True, methods=SPECIES).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
