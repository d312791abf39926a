from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from eval.statistics.exchange_test import FEWEST_UNITS, exchange_units
from eval.statistics.paired_tests import PairedDifference, _unit_differences, mcnemar, paired_differences
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
        assert (one.metric.ci95[0] <= 0 <= one.metric.ci95[1]) == (one.p_value > 0.05)


def test_a_system_with_itself() -> None:
    first, _ = two_systems()
    for found in paired_differences(NAMES, first, first, 100, np.random.default_rng(0)).values():
        assert found.metric.value == 0
        assert found.metric.ci95 == (0, 0)
        assert (found.p_value, found.draws_up, found.draws_equal, found.draws_down) == (1, 0, 3, 0)
    test = mcnemar(first, first, 0)
    assert test is not None
    assert (test.only_a, test.only_b, test.p_value) == ((0, 0, 0), (0, 0, 0), 1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_interval_and_p_against_every_exchange_there_is(seed: int) -> None:
    """Parts and draws are exchanged together; the interval holds what the test does not reject of a grid."""
    first, second = two_systems(people=8, seed=seed)
    found = paired_differences(NAMES, first, second, 1000, np.random.default_rng(seed))
    units = sorted({unit for draws in first for table in draws for unit in table.units.tolist()})
    every = list(itertools.product((1.0, -1.0), repeat=len(units)))
    for column, name in enumerate(NAMES):

        def p_of(shift: float, column: int = column) -> float:
            moved = [
                abs(flipped_mean(first, second, dict(zip(units, signs, strict=True)), column, shift)) for signs in every
            ]
            return sum(mean >= moved[0] - 1e-12 for mean in moved) / len(moved)

        low, high = found[name].metric.ci95 or (1, 0)
        assert found[name].p_value == pytest.approx(p_of(0))
        steps = np.linspace(-1, 1, 23)
        inside = [shift for shift in steps.tolist() if p_of(shift) > 0.05]
        assert low <= min(inside)
        assert max(inside) <= high
        exact = exchange_units(_unit_differences(apart_of(first, second)), 1000, np.random.default_rng(0))[0][column]
        assert [shift for shift in steps.tolist() if exact[0] <= shift <= exact[1]] == inside


def flipped_mean(first: Parts, second: Parts, sign: dict[int, float], column: int, shift: float) -> float:
    """Mean difference, less ``shift``, after A and B were exchanged for the people of sign -1."""
    means = []
    for ours, theirs in zip(first, second, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            values = zip(a.units.tolist(), (b.values - a.values)[:, column].tolist(), strict=True)
            means.append(sum(sign[unit] * (value - shift) for unit, value in values) / len(a.units))
    return float(sum(means) / len(means))


def apart_of(first: Parts, second: Parts) -> Parts:
    return [
        [DrawTable(b.values - a.values, a.units) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(first, second, strict=True)
    ]


def test_no_exchange_is_no_evidence_and_p_is_never_zero() -> None:
    first, second = two_systems(people=40)
    for draws in second:
        for at, table in enumerate(draws):
            draws[at] = DrawTable(table.values + 5, table.units)
    none = paired_differences(NAMES, first, second, 0, np.random.default_rng(0))
    assert [(each.p_value, each.metric.ci95) for each in none.values()] == [(1, None)] * 2
    some = paired_differences(NAMES, first, second, 99, np.random.default_rng(0))
    assert [each.p_value for each in some.values()] == [0.01, 0.01]


@pytest.mark.parametrize("people", range(1, 8))
def test_fewer_than_six_people_have_no_interval(people: int) -> None:
    units = np.arange(people)
    first, second = ([[DrawTable(np.full((people, 1), value), units)]] for value in (0.2, 0.5))
    found = paired_differences(["m"], first, second, 1000, np.random.default_rng(0))["m"]
    assert found.p_value == 2 / 2**people
    assert (found.metric.ci95 is None) == (people < FEWEST_UNITS)


def test_two_perfect_systems_may_differ() -> None:
    perfect = [[DrawTable(np.ones((26, 2)), np.repeat(np.arange(13), 2))]]
    for found in paired_differences(NAMES, perfect, perfect, 1000, np.random.default_rng(0)).values():
        low, high = found.metric.ci95 or (0, 0)
        assert found.p_value == 1
        assert -low == high == pytest.approx(4.747 / 2 / (13 + 4.747), abs=1e-3)


def test_no_difference_seen_is_not_no_difference() -> None:
    """Of 20 people nobody's Rank-1 changes; their AP does, so the systems are not the same."""
    first, second = two_systems(people=20, parts=1, draws=1)
    hits = first[0][0].values[:, 0]
    second = [[DrawTable(np.stack([hits, second[0][0].values[:, 1]], axis=1), first[0][0].units)]]
    found = paired_differences(NAMES, first, second, 1000, np.random.default_rng(0))["rank_1"]
    low, high = found.metric.ci95 or (0, 0)
    assert found.p_value == 1
    assert high == -low
    assert 0.03 < high < 0.25


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


def simulated(worlds: int, gain: float, seed: int) -> list[PairedDifference]:
    """Two systems on 30 people, of whom each has a difficulty and a share in the difference."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(worlds):
        units = np.repeat(np.arange(30), rng.integers(1, 6, 30))
        hard = 0.1 * rng.standard_normal(30)[units]
        a, b = (
            hard + 0.05 * ((rng.standard_normal(30) + shift)[units] + rng.standard_normal(len(units)))
            for shift in (0, gain)
        )
        first, second = ([[DrawTable(values[:, None], units)]] for values in (a, b))
        found.append(paired_differences(["m"], first, second, 199, rng)["m"])
    return found


def test_equal_systems_differ_in_one_world_of_twenty() -> None:
    share = float(np.mean([each.p_value <= 0.05 for each in simulated(800, 0.0, 0)]))
    assert share == pytest.approx(0.05, abs=0.0231)  # three standard errors


def test_a_clear_difference_is_found_and_its_interval_holds_it() -> None:
    found = simulated(400, 1.2, 1)
    assert np.mean([each.p_value <= 0.05 for each in found]) > 0.9
    ends = np.array([each.metric.ci95 for each in found])
    assert np.mean((ends[:, 0] <= 0.06) & (ends[:, 1] >= 0.06)) == pytest.approx(0.95, abs=0.033)


def test_people_are_the_units_and_not_queries() -> None:
    """Thirty queries of one person are one piece of evidence."""
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(8), 30)
    rates = []
    for _ in range(200):
        values = (rng.standard_normal(8)[units] + 0.1 * rng.standard_normal(240))[:, None]
        rates.append(
            [
                paired_differences(["m"], [[DrawTable(0 * values, each)]], [[DrawTable(values, each)]], 199, rng)[
                    "m"
                ].p_value
                <= 0.05
                for each in (units, np.arange(240))
            ]
        )
    person, query = np.mean(rates, axis=0)
    assert person < 0.1
    assert query > 0.5
