"""How often the intervals of re-identification and verification hold the truth: simulated test sets by the hundred.

People are points, their images points around them. In a population ``even`` the images of some people vary somewhat
more than those of others (log-normal, .4); in a population ``mixed`` those of one person in twelve vary three times as
much as all others, and many a small test set has no such person. The truth of a design is the mean over its test sets.
Takes some twenty minutes; ``python -m tests.bench.bench_coverage 50`` is a short look.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from eval.metrics.pair_bootstrap import FIXED, PairProblem, Pairs
from eval.metrics.pair_summary import DrawScores, Targets, summarise_draws
from eval.metrics.queries import query_matches, query_penalties, query_precisions
from eval.metrics.ranking import ApRule
from eval.metrics.summary import DrawTable, summarise
from eval.metrics.verification import tally
from eval.result import Metric
from eval.scorers.pairs import PairScores
from eval.scorers.ranked import Side, rank_queries
from retrieval.types import Float32, Int64

TEST_SETS = {"reid": 1000, "verification": 500}
RESAMPLES = 400
DIMENSION, GALLERY, IMAGES = 24, 3, 5
FIGURES = {
    "reid": ("rank_1", "rank_5", "mean_ap", "mean_inp"),
    "verification": ("auc", "eer", "tpr_at_fpr_0.01", "tpr_at_fpr_0.1", "threshold_fmr", "threshold_fnmr"),
}
THRESHOLD = 0.5
"""Of the figures that have one set before."""


class Design(NamedTuple):
    """What test sets are drawn from: how many people, how noisy their images, and how people differ in that."""

    task: str
    people: int
    population: str
    noise: float


DESIGNS = [
    *(
        Design("reid", n, p, noise)
        for n in (8, 15, 30, 70, 150)
        for p in ("even", "mixed")
        for noise in (0.45, 0.6, 0.8, 1.1)
    ),
    *(
        Design("verification", n, p, noise)
        for n in (15, 30, 70)
        for p in ("even", "mixed")
        for noise in (0.6, 0.8, 1.1)
    ),
]


def draw(design: Design, rng: np.random.Generator, *counts: Int64) -> list[tuple[Int64, Float32]]:
    """Draw people, and of each so many images: per entry of ``counts`` (people,) the people (n,) and vectors (n, d)."""
    centres = rng.standard_normal((design.people, DIMENSION))
    if design.population == "even":
        noise = design.noise * np.exp(0.4 * rng.standard_normal(design.people))
    else:
        noise = np.where(rng.random(design.people) < 1 / 12, 3 * design.noise, design.noise)
    sides = []
    for count in counts:
        person = np.repeat(np.arange(design.people), count)
        vectors = centres[person] + noise[person, None] * rng.standard_normal((len(person), DIMENSION))
        vectors /= np.linalg.norm(vectors, axis=1)[:, None]
        sides.append((person, vectors.astype(np.float32)))
    return sides


def reid(design: Design, rng: np.random.Generator) -> dict[str, Metric]:
    """Figures of a new test set: two to six queries of every person, three images in the gallery."""
    queries, gallery = draw(design, rng, rng.integers(2, 7, design.people), np.full(design.people, GALLERY))
    placed = rank_queries(Side(queries[1], queries[0]), Side(gallery[1], gallery[0])).placed
    matches = query_matches(placed, 5, "stable")
    values = [
        matches[:, 0],
        matches[:, 4],
        query_precisions(placed, ApRule(), "stable"),
        query_penalties(placed, "stable"),
    ]
    return summarise(FIGURES["reid"], [[DrawTable(np.stack(values, axis=1), queries[0])]], RESAMPLES, rng).metrics


def verification(design: Design, rng: np.random.Generator) -> dict[str, Metric]:
    """Figures of a new test set: all pairs of five images of every person."""
    ((person, vectors),) = draw(design, rng, np.full(design.people, IMAGES))
    first, second = np.triu_indices(len(person), 1)
    scores = (vectors @ vectors.T)[first, second].astype(np.float64)
    same = person[first] == person[second]
    genuine = Pairs(scores[same], person[first[same]], np.full(int(same.sum()), FIXED), np.ones(int(same.sum())))
    apart = Pairs(scores[~same], person[first[~same]], person[second[~same]], np.ones(int((~same).sum())))
    pairs = PairScores(tally(genuine.scores), tally(apart.scores), PairProblem(genuine, apart))
    scored = {"": [DrawScores(pairs, None, THRESHOLD)]}
    return summarise_draws(Targets((0.01, 0.1), ()), scored, design.people, RESAMPLES, rng).whole.metrics


def simulate(design: Design, sets: int) -> str:
    """A line per figure: its mean, the share of intervals that hold it, and their mean width."""
    make = {"reid": reid, "verification": verification}[design.task]
    rng = np.random.default_rng([design.people, round(design.noise * 100), design.population == "even"])
    found = [make(design, rng) for _ in range(sets)]
    lines = []
    for name in FIGURES[design.task]:
        values = np.array([metrics[name].value for metrics in found])
        low, high = np.array([metrics[name].ci95 for metrics in found]).T
        held = (low <= values.mean() + 1e-12) & (values.mean() - 1e-12 <= high)
        lines.append(
            f"{design.task:12} {design.people:3} people, {design.population:5} {design.noise:.2f}  {name:15} "
            f"{values.mean():.3f}  held {100 * held.mean():5.1f}  width {(high - low).mean():.3f}"
        )
    return "\n".join(lines)


def main(sets: int | None = None) -> None:
    """Print all designs."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read by the new processes: each has a core
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        wanted = [sets or TEST_SETS[design.task] for design in DESIGNS]
        for lines in pool.map(simulate, DESIGNS, wanted):
            print(lines, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
