from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from eval.statistics.intervals import bca_interval
from eval.statistics.mean_bootstrap import bootstrap_counts
from eval.statistics.paired_tests import mcnemar, paired_differences, sign_flip_p
from eval.statistics.query_summary import DrawTable
from retrieval.errors import InputError

NAMES = ("rank_1", "mean_ap")
Parts = list[list[DrawTable]]


def two_systems(people: int = 9, parts: int = 2, draws: int = 3, seed: int = 0) -> tuple[Parts, Parts]:
    """Two systems on the same queries: between one and four of each person in every draw, but not of person 0."""
    rng = np.random.default_rng(seed)
    first: Parts = []
    second: Parts = []
    for _ in range(parts):
        first.append([])
        second.append([])
        for draw in range(draws):
            units = np.repeat(np.arange(people), rng.integers(1, 5, people))
            units = units[units > 0] if draw == 0 else units
            for parts_of in (first, second):
                hits = (rng.random(len(units)) < 0.5).astype(float)
                parts_of[-1].append(DrawTable(np.stack([hits, rng.random(len(units))], axis=1), units * 10))
    return first, second


def slow_mean(parts: Parts, weight: dict[int, float], column: int) -> float:
    """Mean over draws and parts of a weighted mean over queries, one query after the other."""
    means = []
    for draws in parts:
        for table in draws:
            weights = [weight[unit] for unit in table.units.tolist()]
            values = table.values[:, column].tolist()
            means.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return float(sum(means) / len(means))


def test_the_interval_is_of_a_bootstrap_with_the_same_weights_for_both() -> None:
    first, second = two_systems()
    found = paired_differences(NAMES, first, second, 200, np.random.default_rng(5))
    units = sorted({unit for draws in first for table in draws for unit in table.units.tolist()})
    drawn = bootstrap_counts(len(units), 200, np.random.default_rng(5))
    left_out = 1 - np.eye(len(units), dtype=np.int64)
    for column, name in enumerate(NAMES):
        apart = []
        for row in [*drawn.tolist(), *left_out.tolist()]:
            weight = dict(zip(units, row, strict=True))
            apart.append([slow_mean(second, weight, column) - slow_mean(first, weight, column)])
        alike = dict.fromkeys(units, 1.0)
        difference = slow_mean(second, alike, column) - slow_mean(first, alike, column)
        assert found[name].metric.value == pytest.approx(difference)
        rows = np.array(apart)
        ends = bca_interval(np.array([difference]), rows[:200], rows[200:], len(units))
        assert found[name].metric.ci95 == pytest.approx(ends[0])


def test_draws_are_counted_by_their_sign_and_swapping_turns_it() -> None:
    first, second = two_systems(draws=5)
    second[0][1], second[1][1] = first[0][1], first[1][1]
    rng = np.random.default_rng(0)
    there = paired_differences(NAMES, first, second, 50, rng)
    assert paired_differences(NAMES, first, second, 50, rng) == there  # the generator is copied, not used up
    back = paired_differences(NAMES, second, first, 50, rng)
    for column, name in enumerate(NAMES):
        signs = []
        for draw in range(5):
            gaps = [second[p][draw].values[:, column].mean() - first[p][draw].values[:, column].mean() for p in (0, 1)]
            signs.append(np.sign(round(sum(gaps), 12)))
        one, other = there[name], back[name]
        assert (one.draws_up, one.draws_equal, one.draws_down) == (signs.count(1), signs.count(0), signs.count(-1))
        assert (other.draws_up, other.draws_down) == (one.draws_down, one.draws_up)
        assert one.draws_equal >= 1
        assert other.p_value == one.p_value
        assert one.metric.ci95 is not None
        assert other.metric.ci95 == pytest.approx([-one.metric.ci95[1], -one.metric.ci95[0]])


def test_a_system_with_itself() -> None:
    first, _ = two_systems()
    for found in paired_differences(NAMES, first, first, 100, np.random.default_rng(0)).values():
        assert found.metric.value == 0
        assert found.metric.ci95 == (0, 0)
        assert (found.p_value, found.draws_up, found.draws_equal, found.draws_down) == (1, 0, 3, 0)
    test = mcnemar(first, first, 0)
    assert test is not None
    assert (test.only_a, test.only_b, test.p_value) == ((0, 0, 0), (0, 0, 0), 1)


def apart_of(first: Parts, second: Parts) -> Parts:
    return [
        [DrawTable(b.values - a.values, a.units) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(first, second, strict=True)
    ]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sign_flips_against_every_exchange_there_is(seed: int) -> None:
    first, second = two_systems(people=8, seed=seed)
    apart = apart_of(first, second)
    units = sorted({unit for draws in apart for table in draws for unit in table.units.tolist()})
    found = sign_flip_p(apart, 4000, np.random.default_rng(seed))
    for column in range(2):
        alike = dict.fromkeys(units, 1.0)
        seen = abs(flipped_mean(apart, alike, column))
        every = [
            abs(flipped_mean(apart, dict(zip(units, signs, strict=True)), column))
            for signs in itertools.product((1.0, -1.0), repeat=len(units))
        ]
        exact = sum(mean >= seen - 1e-12 for mean in every) / len(every)
        assert found[column] == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 4000) ** 0.5 + 1 / 4000)


def flipped_mean(apart: Parts, sign: dict[int, float], column: int) -> float:
    """Mean difference after A and B were exchanged for the people of sign -1."""
    means = []
    for draws in apart:
        for table in draws:
            values = zip(table.units.tolist(), table.values[:, column].tolist(), strict=True)
            means.append(sum(sign[unit] * value for unit, value in values) / len(table.units))
    return float(sum(means) / len(means))


def test_no_exchange_is_no_evidence_and_p_is_never_zero() -> None:
    first, second = two_systems(people=40)
    for draws in second:
        for at, table in enumerate(draws):
            draws[at] = DrawTable(table.values + 5, table.units)
    apart = apart_of(first, second)
    assert sign_flip_p(apart, 0, np.random.default_rng(0)).tolist() == [1, 1]
    assert sign_flip_p(apart, 99, np.random.default_rng(0)).tolist() == [0.01, 0.01]


def test_many_exchanges_are_made_in_pieces_of_one_stream() -> None:
    first, second = two_systems()
    apart = apart_of(first, second)
    p = sign_flip_p(apart, 2500, np.random.default_rng(0))
    assert p == pytest.approx(sign_flip_p(apart, 2500, np.random.default_rng(0)))
    assert p == pytest.approx(sign_flip_p(apart, 40_000, np.random.default_rng(1)), abs=0.04)


def test_mcnemar_counts_all_parts_of_a_draw_together() -> None:
    first, second = two_systems(people=30)
    found = mcnemar(first, second, 0)
    assert found is not None
    p_values = []
    for draw in range(3):
        pairs = [
            (a, b)
            for part in range(2)
            for a, b in zip(first[part][draw].values[:, 0], second[part][draw].values[:, 0], strict=True)
        ]
        only_a, only_b = pairs.count((1.0, 0.0)), pairs.count((0.0, 1.0))
        assert (found.only_a[draw], found.only_b[draw]) == (only_a, only_b)
        p_values.append(binomtest(only_b, only_a + only_b).pvalue)
    assert found.p_values == pytest.approx(p_values)
    assert found.p_value == pytest.approx(min(1, 2 * sum(p_values) / 3))
    single = mcnemar([draws[:1] for draws in first], [draws[:1] for draws in second], 0)
    assert single is not None
    assert single.p_value == pytest.approx(p_values[0])
    assert mcnemar(first, second, 1) is None


def test_other_queries_are_refused() -> None:
    first, second = two_systems()
    second[1][2] = DrawTable(second[1][2].values, second[1][2].units + 10)
    with pytest.raises(InputError, match="count different queries"):
        paired_differences(NAMES, first, second, 10, np.random.default_rng(0))


def simulated_p(worlds: int, gain: float, seed: int) -> list[float]:
    """p-values of two systems on 30 people, of whom each has a difficulty and a share in the difference."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(worlds):
        units = np.repeat(np.arange(30), rng.integers(1, 6, 30))
        hard = rng.standard_normal(30)[units]
        a, b = (
            hard + (rng.standard_normal(30) + shift)[units] + rng.standard_normal(len(units)) for shift in (0, gain)
        )
        apart = [[DrawTable((b - a)[:, None], units)]]
        found.append(float(sign_flip_p(apart, 199, rng)[0]))
    return found


def test_equal_systems_differ_in_one_world_of_twenty() -> None:
    share = float(np.mean([p <= 0.05 for p in simulated_p(1500, 0.0, 0)]))
    assert share == pytest.approx(0.05, abs=0.0169)  # three standard errors


def test_a_clear_difference_is_found() -> None:
    assert float(np.mean([p <= 0.05 for p in simulated_p(200, 1.2, 1)])) > 0.9


def test_people_are_the_units_and_not_queries() -> None:
    """Thirty queries of one person are one piece of evidence."""
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(8), 30)
    rates = []
    for _ in range(400):
        values = (rng.standard_normal(8)[units] + 0.1 * rng.standard_normal(240))[:, None]
        by_person = sign_flip_p([[DrawTable(values, units)]], 199, rng)[0]
        by_query = sign_flip_p([[DrawTable(values, np.arange(240))]], 199, rng)[0]
        rates.append((by_person <= 0.05, by_query <= 0.05))
    person, query = np.mean(rates, axis=0)
    assert person < 0.09
    assert query > 0.5
