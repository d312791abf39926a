"""Test sets drawn from known populations, and the metrics of one with their intervals.

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
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.metrics.verification import Float64, tally
from eval.results.schema import Metric
from eval.statistics.pair_bootstrap import FIXED, PairProblem, ScoredPairs
from eval.statistics.pair_summary import DrawScores, PairScores, TargetRates, summarise_draws
from eval.statistics.paired_tests import PairedDifference, paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.types import Float32, Int64

DIMENSION, IMAGES, ENROLLED = 24, 5, 100
THRESHOLD, STRICT = 0.5, 0.65
"""Of the metrics that have one set before."""


class Design(NamedTuple):
    """What test sets are drawn from: how many people or classes, how they differ, and how noisy their images are."""

    task: str
    size: int
    population: str
    noise: float


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


def draw_scores(design: Design, rng: np.random.Generator, person: Int64, first: Int64, second: Int64) -> Float64:
    """Draw scores of pairs of images that share people, couples, and nothing."""
    people = len(np.unique(person))
    own, apart = 0.5 * rng.standard_normal((2, people))
    couple = 0.5 * rng.standard_normal((people, people))
    one, other = person[first], person[second]
    shared = np.where(one == other, design.noise + own[one], apart[one] + apart[other] + couple[one, other])
    scores: Float64 = shared + rng.standard_normal(len(first))
    return scores


def verification(design: Design, rng: np.random.Generator, resamples: int) -> dict[str, Metric]:
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


def gain(design: Design, rng: np.random.Generator, resamples: int) -> PairedDifference:
    """The difference of two systems on a new test set: two to six queries of every person."""
    units = np.repeat(np.arange(design.size), rng.integers(2, 7, design.size))
    hard = 1.5 * rng.standard_normal(design.size)
    sides = []
    for better in (0, 1.0 if design.population == "rare" else 0.5):
        odds = (design.noise + better + hard + 0.7 * rng.standard_normal(design.size))[units]
        if design.population == "ap":
            odds += 0.7 * rng.standard_normal(len(units))
        precision = 1 / (1 + np.exp(-odds))
        values = precision if design.population == "ap" else rng.random(len(units)) < precision
        sides.append([[DrawTable(values.astype(np.float64)[:, None], units)]])
    first, second = sides
    return paired_differences(["gain"], first, second, resamples, rng)["gain"]
