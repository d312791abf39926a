"""How often intervals hold the truth, in re-identification, verification, gains and classification.

The test sets are simulated: those of people by tests/support/coverage_designs.py. The truth is the mean over the test
sets: TPR at a small FPR is that of so many people, fewer of whom are mistaken for each other than of all people.

Classes stay the same in all test sets, and have three, five or thirty images each, or a ``tail`` (half of them one), or
nine in ``groups`` of three that are alike. The truth is that of 2,000 images a class, weighed as the test sets are.

Takes some thirty minutes; ``python -m tests.bench.bench_coverage 50`` is a short look, and ``50 gain`` one of gains.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from eval.metrics.per_query import query_matches, query_penalties, query_precisions
from eval.metrics.probabilities import softmax
from eval.metrics.ranking import ApRule
from eval.ranking.rank_gallery import Side, rank_queries
from eval.results.schema import Metric
from eval.statistics.class_summary import By, class_table, summarise_classes
from eval.statistics.class_sums import ClassTable, MetricRule
from eval.statistics.query_summary import DrawTable, summarise
from retrieval.types import Int64
from tests.support.class_metrics import table_metrics
from tests.support.coverage_designs import Design, draw, gain, verification

TEST_SETS = {"reid": 1000, "verification": 500, "classes": 500, "gain": 2000}
RESAMPLES = 400
GALLERY = 3
FIGURES = {
    "reid": ("rank_1", "rank_5", "mean_ap", "mean_inp"),
    "verification": (
        *("auc", "eer", "tpr_at_fpr_0.001", "tpr_at_fpr_0.01", "tpr_at_fpr_0.1"),
        *("threshold_fmr", "threshold_fnmr"),
    ),
    "classes": ("top_1", "top_5", "balanced_accuracy", "macro_f1", "macro_jaccard", "nll", "brier"),
    "gain": ("gain",),
}
CLASS_GAIN, MANY, GROUP = 3, 2000, 3
DESIGNS = [
    *(Design("verification", n, "scores", noise) for n in (6, 13, 30) for noise in (2.2, 2.8, 3.5)),
    *(Design("verification", 13, "even", noise) for noise in (0.68, 0.93, 1.2)),
    *(Design("gain", n, "hits", 1.5) for n in (8, 13, 20, 30, 70)),
    *(Design("gain", n, "ap", 1.5) for n in (8, 13, 20, 30, 70)),
    *(Design("gain", n, "rare", 4.0) for n in (8, 13, 20, 30, 70)),
    *(
        Design("reid", n, p, noise)
        for n in (8, 13, 15, 30, 70, 150)
        for p in ("even", "mixed")
        for noise in (0.45, 0.6, 0.8, 1.1)
    ),
    *(
        Design("verification", n, p, noise)
        for n in (15, 30, 70)
        for p in ("even", "mixed")
        for noise in (0.6, 0.8, 1.1)
    ),
    *(Design("verification", n, "enrolled", noise) for n in (15, 30) for noise in (0.45, 0.6, 0.8, 1.1)),
    *(Design("verification", n, "strict", noise) for n in (15, 30, 70) for noise in (0.45, 0.8)),
    *(
        Design("classes", n, p, noise)
        for n, p in ((100, "three"), (30, "five"), (20, "thirty"), (50, "tail"), (20, "groups"))
        for noise in (0.5, 0.7, 1.0, 1.5)
    ),
]


def reid(design: Design, rng: np.random.Generator) -> dict[str, Metric]:
    """Figures of a new test set: two to six queries of every person, three images in the gallery."""
    queries, gallery = draw(design, rng, rng.integers(2, 7, design.size), np.full(design.size, GALLERY))
    placed = rank_queries(Side(queries[1], queries[0]), Side(gallery[1], gallery[0])).ranks
    matches = query_matches(placed, 5, "stable")
    values = [
        matches[:, 0],
        matches[:, 4],
        query_precisions(placed, ApRule(), "stable"),
        query_penalties(placed, "stable"),
    ]
    return summarise(FIGURES["reid"], [[DrawTable(np.stack(values, axis=1), queries[0])]], RESAMPLES, rng).metrics


class Classes:
    """Classes of a design, and test sets of them."""

    def __init__(self, design: Design) -> None:
        self._design, self._rule = design, MetricRule()
        rng = np.random.default_rng(design.size)
        self._means = CLASS_GAIN * np.eye(design.size) + 0.5 * rng.standard_normal((design.size, design.size))
        each = {"three": 3, "five": 5, "thirty": 30, "groups": 3 * GROUP}
        if design.population == "tail":
            self._counts = np.maximum(np.geomspace(40, 0.2, design.size).astype(np.int64), 1)
        else:
            self._counts = np.full(design.size, each[design.population])

    def truth(self) -> dict[str, float]:
        """Figures of a very large test set."""
        table = self._answers(np.full(self._design.size, MANY), np.random.default_rng(0))
        return table_metrics(table, self._design.size, self._rule, (self._counts / MANY)[table.labels])

    def figures(self, rng: np.random.Generator) -> dict[str, Metric]:
        """Figures of a new test set."""
        table = self._answers(self._counts, rng)
        by: By = "group" if self._design.population == "groups" else "class"
        return summarise_classes([[table]], self._design.size, self._rule, RESAMPLES, rng, by).metrics

    def _answers(self, counts: Int64, rng: np.random.Generator) -> ClassTable:
        labels = np.repeat(np.arange(len(counts)), counts)
        rows = np.arange(len(labels))
        noise = rng.standard_normal((len(rows), len(counts)))
        units = rows
        if self._design.population == "groups":
            units = rows // GROUP
            shared = rng.standard_normal((int(units.max()) + 1, len(counts)))
            noise = np.sqrt(0.5) * (noise + shared[units])
        logits = (self._means[labels] + self._design.noise * noise).astype(np.float32)
        return class_table(rows, softmax(logits), labels, units)


METRICS: dict[str, Callable[[Design, np.random.Generator], dict[str, Metric]]] = {
    "reid": reid,
    "verification": lambda design, rng: verification(design, rng, RESAMPLES),
    "gain": lambda design, rng: {"gain": gain(design, rng, RESAMPLES).metric},
}


def simulate(design: Design, sets: int) -> str:
    """A line per figure: the truth, the share of intervals that hold it, and their median width.

    The width is also given as a multiple of the range of 95 % of the values.
    """
    rng = np.random.default_rng([design.size, round(design.noise * 100), len(design.population)])
    if design.task == "classes":
        classes = Classes(design)
        truth, found = classes.truth(), [classes.figures(rng) for _ in range(sets)]
    else:
        found = [METRICS[design.task](design, rng) for _ in range(sets)]
        truth = {name: float(np.mean([metrics[name].value for metrics in found])) for name in found[0]}
    lines = []
    for name in FIGURES[design.task]:
        low, high = np.array([metrics[name].ci95 for metrics in found]).T
        values = [metrics[name].value for metrics in found]
        width, spread = np.median(high - low), np.ptp(np.quantile(values, [0.025, 0.975]))
        held = (low <= truth[name] + 1e-12) & (truth[name] - 1e-12 <= high)
        lines.append(
            f"{design.task:12} {design.size:3} {design.population:6} {design.noise:.2f}  {name:17} "
            f"{truth[name]:.4f}  held {100 * held.mean():5.1f}  width {width:.3f}"
            f"  {width / spread if spread else np.inf:.2f} of the range"
        )
    return "\n".join(lines)


def main(sets: int | None = None, task: str | None = None) -> None:
    """Print all designs, or those of one task."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read by the new processes: each has a core
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        designs = [design for design in DESIGNS if task in {None, design.task}]
        for lines in pool.map(simulate, designs, [sets or TEST_SETS[design.task] for design in designs]):
            print(lines, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else None, sys.argv[2] if sys.argv[2:] else None)
