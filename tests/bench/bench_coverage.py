"""How often intervals hold the truth, in re-identification, verification and classification: simulated test sets.

People are points, their images points around them. In a population ``even`` the images of some people vary somewhat
more than those of others (log-normal, .4); in a population ``mixed`` those of one person in twelve vary three times as
much as all others, and many a small test set has no such person. In a population ``enrolled`` a hundred more, with an
image each, are only there to be taken for somebody; a population ``strict`` is even, and its threshold so high that
many a test set has no false match. The truth is the mean over the test sets: TPR at a small FPR is that of so many
people, fewer of whom are mistaken for each other than of all people.

In a population ``scores`` there are no images: the score of a pair is that of its two people (their difficulty, shared
by all their pairs), of the couple, and of the pair, and its ``noise`` is the distance of genuine from impostor scores.

Gains are of two systems on the same queries: people differ in difficulty and in what they gain. In ``hits`` a query is
right or wrong, in ``ap`` it has a precision; in ``rare`` nearly all queries are right; ``noise`` is the mean log odds.

Classes stay the same in all test sets, and have three, five or thirty images each, or a ``tail`` (half of them one), or
nine in ``groups`` of three that are alike. The truth is that of 2,000 images a class, weighed as the test sets are.

Takes some thirty minutes; ``python -m tests.bench.bench_coverage 50`` is a short look, and ``50 gain`` one of gains.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from eval.metrics.per_query import query_matches, query_penalties, query_precisions
from eval.metrics.probabilities import softmax
from eval.metrics.ranking import ApRule
from eval.metrics.verification import Float64, tally
from eval.ranking.rank_gallery import Side, rank_queries
from eval.results.schema import Metric
from eval.statistics.class_summary import By, class_table, summarise_classes
from eval.statistics.class_sums import ClassTable, MetricRule
from eval.statistics.pair_bootstrap import FIXED, PairProblem, ScoredPairs
from eval.statistics.pair_summary import DrawScores, PairScores, TargetRates, summarise_draws
from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable, summarise
from retrieval.types import Float32, Int64
from tests.support.class_metrics import table_metrics

TEST_SETS = {"reid": 1000, "verification": 500, "classes": 500, "gain": 2000}
RESAMPLES = 400
DIMENSION, GALLERY, IMAGES, ENROLLED = 24, 3, 5, 100
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
THRESHOLD, STRICT = 0.5, 0.65
"""Of the figures that have one set before."""


class Design(NamedTuple):
    """What test sets are drawn from: how many people or classes, how they differ, and how noisy their images are."""

    task: str
    size: int
    population: str
    noise: float


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


def draw(design: Design, rng: np.random.Generator, *counts: Int64) -> list[tuple[Int64, Float32]]:
    """Draw people, and of each so many images: per entry of ``counts`` (people,) the people (n,) and vectors (n, d)."""
    people = len(counts[0])
    centres = rng.standard_normal((people, DIMENSION))
    if design.population == "mixed":
        noise = np.where(rng.random(people) < 1 / 12, 3 * design.noise, design.noise)
    else:
        noise = design.noise * np.exp(0.4 * rng.standard_normal(people))
    sides = []
    for count in counts:
        person = np.repeat(np.arange(people), count)
        vectors = centres[person] + noise[person, None] * rng.standard_normal((len(person), DIMENSION))
        vectors /= np.linalg.norm(vectors, axis=1)[:, None]
        sides.append((person, vectors.astype(np.float32)))
    return sides


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


def draw_scores(design: Design, rng: np.random.Generator, person: Int64, first: Int64, second: Int64) -> Float64:
    """Draw scores of pairs of images that share people, couples, and nothing."""
    people = len(np.unique(person))
    own, apart = 0.5 * rng.standard_normal((2, people))
    couple = 0.5 * rng.standard_normal((people, people))
    one, other = person[first], person[second]
    shared = np.where(one == other, design.noise + own[one], apart[one] + apart[other] + couple[one, other])
    scores: Float64 = shared + rng.standard_normal(len(first))
    return scores


def verification(design: Design, rng: np.random.Generator, resamples: int = RESAMPLES) -> dict[str, Metric]:
    """Figures of a new test set: all pairs of five images of every person."""
    counts = np.full(design.size, IMAGES)
    if design.population == "enrolled":
        counts = np.concatenate([counts, np.ones(ENROLLED, np.int64)])
    if design.population == "scores":
        person = np.repeat(np.arange(design.size), counts)
        first, second = np.triu_indices(len(person), 1)
        scores = draw_scores(design, rng, person, first, second)
    else:
        ((person, vectors),) = draw(design, rng, counts)
        first, second = np.triu_indices(len(person), 1)
        scores = (vectors @ vectors.T)[first, second].astype(np.float64)
    same = person[first] == person[second]
    genuine = ScoredPairs(scores[same], person[first[same]], np.full(int(same.sum()), FIXED), np.ones(int(same.sum())))
    apart = ScoredPairs(scores[~same], person[first[~same]], person[second[~same]], np.ones(int((~same).sum())))
    pairs = PairScores(tally(genuine.scores), tally(apart.scores), PairProblem(genuine, apart))
    scored = {"": [DrawScores(pairs, None, STRICT if design.population == "strict" else THRESHOLD)]}
    return summarise_draws(TargetRates((0.001, 0.01, 0.1), ()), scored, len(counts), resamples, rng).whole.metrics


def gain(design: Design, rng: np.random.Generator) -> dict[str, Metric]:
    """The difference of two systems on a new test set: two to six queries of every person."""
    units = np.repeat(np.arange(design.size), rng.integers(2, 7, design.size))
    hard = 1.5 * rng.standard_normal(design.size)
    sides = []
    for better in (0, 1.0 if design.population == "rare" else 0.5):
        odds = (design.noise + better + hard + 0.7 * rng.standard_normal(design.size))[units]
        if design.population == "ap":
            odds += 0.7 * rng.standard_normal(len(units))
        values = 1 / (1 + np.exp(-odds))
        if design.population != "ap":
            values = rng.random(len(units)) < values
        sides.append([[DrawTable(values.astype(np.float64)[:, None], units)]])
    first, second = sides
    return {"gain": paired_differences(["gain"], first, second, RESAMPLES, rng)["gain"].metric}


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


def simulate(design: Design, sets: int) -> str:
    """A line per figure: the truth, the share of intervals that hold it, and their median width.

    The width is also given as a multiple of the range of 95 % of the values.
    """
    rng = np.random.default_rng([design.size, round(design.noise * 100), len(design.population)])
    if design.task == "classes":
        classes = Classes(design)
        truth, found = classes.truth(), [classes.figures(rng) for _ in range(sets)]
    else:
        make = {"reid": reid, "verification": verification, "gain": gain}[design.task]
        found = [make(design, rng) for _ in range(sets)]
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
