from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, log_loss, top_k_accuracy_score

from eval.metrics.probabilities import ece, softmax
from eval.statistics.class_summary import (
    BIASED,
    UNBOUNDED,
    WITHOUT_INTERVAL,
    class_metric_names,
    class_table,
    mcnemar_classes,
    metrics_of_logits,
    paired_classes,
    summarise_classes,
)
from eval.statistics.class_sums import ClassTable, MetricRule
from eval.statistics.stratified_bootstrap import strata_of, stratified_interval, stratified_weights
from retrieval.errors import InputError
from retrieval.types import Float32, Int64
from tests.support.class_metrics import table_metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULE = MetricRule()
NAMES = class_metric_names(RULE.tops)
BIASED_AT = np.array([name in BIASED for name in NAMES])
SHARES_AT = np.array([name not in UNBOUNDED for name in NAMES])


def problem(n: int = 60, classes: int = 6, seed: int = 0, gain: float = 1.0) -> tuple[Float32, Int64]:
    """Logits (n, C) and labels; every class has samples."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    logits = rng.standard_normal((n, classes))
    logits[np.arange(n), labels] += gain
    return logits.astype(np.float32), labels


def table_of(logits: Float32, labels: Int64, units: Int64 | None = None) -> ClassTable:
    rows = np.arange(len(labels))
    return class_table(rows, softmax(logits), labels, rows if units is None else units)


def table_like(labels: Int64, seed: int, units: Int64 | None = None, classes: int = 6) -> ClassTable:
    """Another system's answer to the same samples."""
    logits = np.random.default_rng(seed).standard_normal((len(labels), classes))
    logits[np.arange(len(labels)), labels] += 1
    return table_of(logits.astype(np.float32), labels, units)


def values_of(metrics: dict[str, float]) -> list[float]:
    return [metrics[name] for name in NAMES]


@given(st.integers(0, 2**31), st.integers(2, 7), st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_figures_are_those_of_scikit_learn(seed: int, classes: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, rng.integers(1, classes + 1), n)  # some classes have no sample
    logits = rng.standard_normal((n, classes)).astype(np.float32)
    probs = softmax(logits)
    predicted = probs.argmax(axis=1)
    everything = list(range(classes))
    scopes = (("present", None), ("universe", everything), ("truth", sorted(set(labels.tolist()))))
    for over, chosen in scopes:
        rule = MetricRule((1, 2, 50), over, 10)  # type: ignore[arg-type]
        found = table_metrics(table_of(logits, labels), classes, rule)
        assert list(found) == class_metric_names(rule.tops)
        assert found["top_1"] == pytest.approx(accuracy_score(labels, predicted))
        if classes > 2:  # of two, scikit-learn wants the scores of one
            assert found["top_2"] == pytest.approx(top_k_accuracy_score(labels, probs, k=2, labels=everything))
        assert found["top_50"] == 1
        for name, score in (("macro_f1", f1_score), ("macro_jaccard", jaccard_score)):
            expected = score(labels, predicted, average="macro", labels=chosen, zero_division=0)
            assert found[name] == pytest.approx(expected)
        recalls = [np.mean(predicted[labels == c] == c) for c in np.unique(labels)]
        assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
        exact = np.exp(log_softmax(logits, axis=1))
        assert found["nll"] == pytest.approx(log_loss(labels, exact, labels=everything), rel=1e-5)
        assert found["brier"] == pytest.approx(((exact - np.eye(classes)[labels]) ** 2).sum(axis=1).mean(), rel=1e-5)
        assert found["ece"] == pytest.approx(ece(probs.max(axis=1), predicted == labels, 10))
        quick = metrics_of_logits(logits, labels, rule)
        assert quick == pytest.approx({name: found[name] for name in found if name not in {"brier", "ece"}}, rel=1e-5)


def test_degenerate_answers_have_figures() -> None:
    one = table_metrics(table_of(np.zeros((3, 1), np.float32), np.zeros(3, np.int64)), 1, RULE)
    assert one == pytest.approx(dict.fromkeys(NAMES, 1.0) | {"nll": 0, "brier": 0, "ece": 0}, abs=1e-12)
    labels = np.array([0, 1, 2, 2])
    nothing = np.zeros((4, 3), np.float32)
    tied = metrics_of_logits(nothing, labels, MetricRule((1, 2)))
    assert (tied["top_1"], tied["top_2"], tied["nll"]) == pytest.approx((0.25, 0.5, np.log(3)))
    slow = table_metrics(table_of(nothing, labels), 3, MetricRule((1, 2)))
    assert tied == pytest.approx({name: slow[name] for name in tied})
    never = np.array([[0, -np.inf], [0, -np.inf]], np.float32)  # the second sample's class cannot be answered
    for found in (
        metrics_of_logits(never, np.array([0, 1]), RULE),
        table_metrics(table_of(never, np.array([0, 1])), 2, RULE),
    ):
        assert found["nll"] == pytest.approx(36.0437 / 2, rel=1e-5)
        assert (found["top_1"], found["top_5"]) == (0.5, 1)


@given(st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_a_weight_is_as_good_as_copies(seed: int) -> None:
    logits, labels = problem(25, 4, seed)
    copies = np.random.default_rng(seed).integers(0, 3, 25)
    copies[0] = 1
    weighted = table_metrics(table_of(logits, labels), 4, RULE, copies.astype(np.float64))
    repeated = table_metrics(table_of(np.repeat(logits, copies, axis=0), np.repeat(labels, copies)), 4, RULE)
    assert weighted == pytest.approx(repeated)


def test_quick_figures_over_several_blocks() -> None:
    logits, labels = problem(2500, 11)
    found = table_metrics(table_of(logits, labels), 11, RULE)
    assert metrics_of_logits(logits, labels, RULE) == pytest.approx(
        {name: found[name] for name in NAMES if name not in {"brier", "ece"}}, rel=1e-6
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    logits, labels = problem()
    logits[7, 2] = bad
    with pytest.raises(InputError, match=r"NaN|\+inf"):
        metrics_of_logits(logits, labels, RULE)
    if np.isnan(bad):
        with pytest.raises(InputError, match="NaN"):
            class_table(labels, logits, labels, labels)


def test_no_samples_and_strange_labels_are_refused() -> None:
    logits, labels = problem()
    for refused in (lambda: metrics_of_logits(logits[:0], labels[:0], RULE), lambda: table_of(logits[:0], labels[:0])):
        with pytest.raises(InputError, match="no samples"):
            refused()
    with pytest.raises(InputError, match="outside the label universe"):
        metrics_of_logits(logits, labels - 1, RULE)
    logits[3] = -np.inf
    with pytest.raises(InputError, match="all are -inf"):
        metrics_of_logits(logits, labels, RULE)


def several(draws: int = 3, seeds: int = 2, group: int = 1) -> list[list[ClassTable]]:
    """Draws over different samples of one pool of 80, each class with many; seeds are other answers to the same."""
    pool = np.arange(80) % 6
    rng = np.random.default_rng(0)
    found = []
    for draw in range(draws):
        rows = np.sort(rng.permutation(80)[:50])
        units = rows // group
        found.append(
            [table_like(pool[rows], 10 * draw + s, units)._replace(rows=rows.astype(np.int64)) for s in range(seeds)]
        )
    return found


def test_values_are_means_over_seeds_then_draws_and_deviations_are_apart() -> None:
    tables = several()
    each = np.array([[values_of(table_metrics(t, 6, RULE)) for t in seeds] for seeds in tables])
    rng = np.random.default_rng(3)
    found = summarise_classes(tables, 6, RULE, 50, rng, "class")
    assert list(found.metrics) == NAMES
    for at, name in enumerate(NAMES):
        assert found.metrics[name].value == pytest.approx(each[..., at].mean())
        assert found.metrics[name].sd_draws == pytest.approx(each[..., at].mean(axis=1).std(ddof=1))
        assert found.metrics[name].sd_seeds == pytest.approx(each[..., at].std(axis=1, ddof=1).mean())
        assert [draw[name] for draw in found.draws] == pytest.approx(each[..., at].mean(axis=1).tolist())
    assert summarise_classes(tables, 6, RULE, 50, rng, "class") == found  # the generator is copied, not used up
    single = summarise_classes([tables[0][:1]], 6, RULE, 0, rng, "class")
    for metric in single.metrics.values():
        assert (metric.ci95, metric.sd_draws, metric.sd_seeds) == (None, None, None)


def slow_ends(
    system: list[list[ClassTable]], by: Literal["class", "group"], resamples: int, seed: int
) -> NDArray[np.float64]:
    """The interval of the system, resample by resample and table by table."""

    def of_draws(weight: dict[int, float]) -> tuple[NDArray[np.float64], list[float]]:
        """Metrics of the draws, and how heavy their samples are; nan where they weigh nothing."""
        values, heaviness = [], []
        for seeds in system:
            of_seeds = []
            for table in seeds:
                units = table.rows if by == "class" else table.units
                weights = np.array([weight[unit] for unit in units.tolist()])
                of_seeds.append(values_of(table_metrics(table, 6, RULE, weights)))
            values.append(np.mean(of_seeds, axis=0))
            heaviness.append(float(weights.mean()))
        return np.array(values), heaviness

    tables = [table for seeds in system for table in seeds]
    codes = np.concatenate([table.rows if by == "class" else table.units for table in tables])
    names, places = np.unique(codes, return_inverse=True)
    strata = strata_of(places, np.concatenate([table.labels for table in tables]))
    columns = np.concatenate(list(stratified_weights(strata, resamples, np.random.default_rng(seed))), axis=1).T
    resampled = [of_draws(dict(zip(names.tolist(), column.tolist(), strict=True))) for column in columns]
    if np.mean([0 in heavy for _, heavy in resampled]) <= 0.05:
        estimates = np.array([values.mean(axis=0) for values, _ in resampled])
    else:
        estimates = np.array([np.average(np.nan_to_num(values), 0, heavy) for values, heavy in resampled])
    value = of_draws(dict.fromkeys(names.tolist(), 1.0))[0].mean(axis=0)
    ends = stratified_interval(value, estimates.T, BIASED_AT, len(strata), len(np.unique(strata)), SHARES_AT)
    assert ends is not None
    return ends


@pytest.mark.parametrize("by", ["class", "group"])
def test_draws_and_seeds_share_the_weights_of_their_samples(by: Literal["class", "group"]) -> None:
    tables = several(group=4)
    expected = slow_ends(tables, by, 60, 5)
    found = summarise_classes(tables, 6, RULE, 60, np.random.default_rng(5), by)
    for name, ends in zip(NAMES, expected, strict=True):
        held = None if name in WITHOUT_INTERVAL else pytest.approx(ends)
        assert found.metrics[name].ci95 == held


def folds_of_groups(groups: int) -> list[list[ClassTable]]:
    """Five folds of whole groups; the worse the group, the higher its number."""
    logits, labels = problem(120)
    units = np.arange(120) % groups
    logits[np.arange(120), labels] += 2 - 4 * units / groups
    rows = [np.flatnonzero(units % 5 == fold) for fold in range(5)]
    return [[class_table(at, softmax(logits[at]), labels[at], units[at])] for at in rows]


def test_folds_of_one_or_two_groups_vary_as_their_groups_do() -> None:
    folds = folds_of_groups(7)
    found = summarise_classes(folds, 6, RULE, 200, np.random.default_rng(5), "group").metrics
    slow = dict(zip(NAMES, slow_ends(folds, "group", 200, 5), strict=True))
    for name in (
        "top_1",
        "top_5",
        "nll",
        "brier",
    ):  # in macro means, a class that is all of one group weighs as it does
        assert found[name].ci95 == pytest.approx(slow[name])
    for metric in found.values():
        assert metric.ci95 is None or metric.ci95[0] <= metric.value <= metric.ci95[1]
    low, high = found["nll"].ci95 or (0, 0)
    spread = found["nll"].sd_draws or 0
    assert low + spread / 3 < found["nll"].value < high - spread / 3


def test_few_resamples_without_a_fold_are_left_out() -> None:
    folds = folds_of_groups(30)  # six groups of each: some ten in a thousand resamples have none of a fold
    found = summarise_classes(folds, 6, RULE, 400, np.random.default_rng(1), "group").metrics
    slow = dict(zip(NAMES, slow_ends(folds, "group", 400, 1), strict=True))
    assert [found[name].ci95 for name in ("top_1", "nll")] == [pytest.approx(slow[name]) for name in ("top_1", "nll")]


def test_groups_of_one_image_are_images() -> None:
    tables = several()
    by_class, by_group = (summarise_classes(tables, 6, RULE, 40, np.random.default_rng(0), by) for by in BY)
    assert by_class == by_group


BY: tuple[Literal["class", "group"], ...] = ("class", "group")


def test_no_interval_of_one_unit_and_no_groups_that_are_not_known() -> None:
    logits, labels = problem()
    rng = np.random.default_rng(0)
    together = table_of(logits, labels, np.zeros(60, np.int64))
    found = summarise_classes([[together]], 6, RULE, 100, rng, "group")
    assert all(metric.ci95 is None for metric in found.metrics.values())
    alone = table_of(logits[:1], labels[:1])
    assert summarise_classes([[alone]], 6, RULE, 100, rng, "class").metrics["top_1"].ci95 is None
    with pytest.raises(InputError, match="no group"):
        summarise_classes([[table_of(logits, labels, np.arange(60) - 1)]], 6, RULE, 10, rng, "group")


def test_classes_of_one_image_vary_as_wholes() -> None:
    """40 classes of one image: the interval of their mean recall is that of a share of 40."""
    labels = np.arange(40)
    logits = np.zeros((40, 40), np.float32)
    logits[labels, np.where(labels % 2, labels, 0)] = 5
    found = summarise_classes([[table_of(logits, labels)]], 40, RULE, 4000, np.random.default_rng(0), "class")
    for name in ("top_1", "balanced_accuracy"):
        assert found.metrics[name].ci95 is not None
        low, high = found.metrics[name].ci95 or (0, 0)
        share = found.metrics[name].value
        assert high - low == pytest.approx(2 * 2.02 * (share * (1 - share) / 39) ** 0.5, rel=0.06)


def simulated(rng: np.random.Generator, means: NDArray[np.float64], labels: Int64) -> ClassTable:
    logits = means[labels] + rng.standard_normal((len(labels), len(means)))
    return table_of(logits.astype(np.float32), labels)


@pytest.mark.parametrize(
    ("counts", "gain", "most"),
    [([5] * 20, 3, 0.985), ([*range(16, 3, -1), *[2] * 4, *[1] * 3], 3, 0.985), ([20] * 20, 6, 1)],
)
def test_covers_the_truth_as_often_as_it_says(counts: list[int], gain: float, most: float) -> None:
    """Few images of each of 20 classes, or few errors. 500 repetitions have a standard error of one point: three around
    93.5, and intervals of few errors hold more often."""
    rng = np.random.default_rng(1)
    means = 1.2 * rng.standard_normal((20, 20)) + np.diag(rng.normal(gain, 1, 20))
    shares = np.array(counts) / 1500
    everything = np.repeat(np.arange(20), 1500)
    truth = table_metrics(simulated(rng, means, everything), 20, RULE, shares[everything])
    labels = np.repeat(np.arange(20), counts)
    covered = dict.fromkeys(NAMES, 0)
    for _ in range(500):
        found = summarise_classes([[simulated(rng, means, labels)]], 20, RULE, 300, rng.spawn(1)[0], "class").metrics
        for name in NAMES:
            low, high = found[name].ci95 or (1, 0)
            covered[name] += low <= truth[name] <= high
    for name in ("top_1", "top_5", "balanced_accuracy", "macro_f1", "macro_jaccard", "nll", "brier"):
        assert 0.905 <= covered[name] / 500 <= most, (name, truth[name])


def flat(tables: Iterable[Iterable[ClassTable]]) -> list[ClassTable]:
    return [table for seeds in tables for table in seeds]


def other(tables: list[list[ClassTable]], seed: int) -> list[list[ClassTable]]:
    """A second system on the same samples."""
    return [
        [
            table_like(t.labels, seed + 100 * d + s, t.units)._replace(rows=t.rows, units=t.units)
            for s, t in enumerate(seeds)
        ]
        for d, seeds in enumerate(tables)
    ]


def test_swapping_the_systems_turns_the_difference() -> None:
    first = several()
    second = other(first, 7)
    rng = np.random.default_rng(5)
    found = paired_classes(first, second, 6, RULE, 60, rng, "class")
    a, b = (summarise_classes(tables, 6, RULE, 0, rng, "class") for tables in (first, second))
    back = paired_classes(second, first, 6, RULE, 60, rng, "class")
    for name in NAMES:
        one = found[name]
        assert one.metric.value == pytest.approx(b.metrics[name].value - a.metrics[name].value)
        assert (one.metric.ci95 is None) == (name in WITHOUT_INTERVAL)
        if one.metric.ci95 and back[name].metric.ci95:
            assert back[name].metric.ci95 == pytest.approx([-end for end in one.metric.ci95[::-1]])
            assert (one.metric.ci95[0] <= 0 <= one.metric.ci95[1]) == (one.p_value > 0.05)
        signs = [np.sign(y[name] - x[name]) for x, y in zip(a.draws, b.draws, strict=True)]
        assert (one.draws_up, one.draws_equal, one.draws_down) == (signs.count(1), signs.count(0), signs.count(-1))
        assert (back[name].draws_up, back[name].p_value) == (one.draws_down, one.p_value)


def test_a_system_with_itself() -> None:
    tables = several()
    apart = paired_classes(tables, tables, 6, RULE, 50, np.random.default_rng(0), "class")
    for name, found in apart.items():
        assert found.metric.value == 0
        assert found.metric.ci95 == (None if name in WITHOUT_INTERVAL else (0, 0))
        assert (found.p_value, found.draws_up, found.draws_equal, found.draws_down) == (1, 0, 3, 0)
    test = mcnemar_classes(tables, tables)
    assert (set(test.only_a), set(test.only_b), test.p_value) == ({0}, {0}, 1)


def exchanged(one: ClassTable, two: ClassTable, where: NDArray[np.bool_]) -> ClassTable:
    """The answers of ``one``, and of ``two`` to some samples."""
    mixed = [np.where(where, np.asarray(y), np.asarray(x)) for x, y in zip(one, two, strict=True)]
    return ClassTable(*mixed)


def test_p_values_against_every_exchange_there_is() -> None:
    units = np.repeat(np.arange(8), [1, 2, 3, 4, 2, 3, 4, 5])
    labels = np.arange(len(units)) % 6
    first, second = table_like(labels, 0, units), table_like(labels, 1, units)
    gaps = []
    for swapped in itertools.product((False, True), repeat=8):
        where = np.array(swapped)[units]
        a, b = exchanged(first, second, where), exchanged(second, first, where)
        gaps.append(np.subtract(values_of(table_metrics(b, 6, RULE)), values_of(table_metrics(a, 6, RULE))))
    exact = (np.abs(gaps) >= np.abs(gaps[0]) - 1e-9).mean(axis=0)
    found = paired_classes([[first]], [[second]], 6, RULE, 256, np.random.default_rng(0), "group")
    for name, p in zip(NAMES, exact.tolist(), strict=True):
        assert found[name].p_value == pytest.approx(p)
    none = paired_classes([[first]], [[second]], 6, RULE, 0, np.random.default_rng(0), "group")
    assert all(each.p_value == 1 and each.metric.ci95 is None for each in none.values())


def share_found(gain: float, worlds: int) -> dict[str, float]:
    """How often a system that is better by ``gain`` logits differs with p <= .05 on 60 images."""
    labels, rng = np.arange(60) % 6, np.random.default_rng(0)
    found = np.zeros(len(NAMES))
    for _ in range(worlds):
        logits = rng.standard_normal((2, 60, 6))
        logits[:, np.arange(60), labels] += 1
        logits[1, np.arange(60), labels] += gain
        first, second = (table_of(each.astype(np.float32), labels) for each in logits)
        apart = paired_classes([[first]], [[second]], 6, RULE, 99, rng.spawn(1)[0], "class")
        found += [apart[name].p_value <= 0.05 for name in NAMES]
    return dict(zip(NAMES, (found / worlds).tolist(), strict=True))


def test_equal_systems_differ_in_one_world_of_twenty() -> None:
    found = share_found(0.0, 400)
    assert max(found.values()) < 0.083  # three standard errors above
    assert min(found[name] for name in ("macro_f1", "nll", "brier", "ece")) > 0.017  # the others have few values


def test_a_clear_gain_is_found() -> None:
    found = share_found(1.5, 60)
    assert min(found[name] for name in ("top_1", "balanced_accuracy", "macro_f1", "nll")) > 0.9


def test_one_seed_stands_beside_all_of_the_other_system() -> None:
    first, second = several(seeds=1), several(seeds=3)
    copies = [seeds * 3 for seeds in first]
    rng = np.random.default_rng(0)
    assert paired_classes(first, second, 6, RULE, 30, rng, "class") == paired_classes(
        copies, second, 6, RULE, 30, rng, "class"
    )
    assert mcnemar_classes(first, second) == mcnemar_classes(copies, second)
    with pytest.raises(InputError, match="2 seeds"):
        mcnemar_classes(several(seeds=2), second)


def test_mcnemar_counts_draw_by_draw_and_seed_by_seed() -> None:
    first = several()
    second = other(first, 3)
    found = mcnemar_classes(first, second)
    p_values = []
    for at, (a, b) in enumerate(zip(flat(first), flat(second), strict=True)):
        only_a = int(((a.ranks == 1) & (b.ranks > 1)).sum())
        only_b = int(((b.ranks == 1) & (a.ranks > 1)).sum())
        assert (found.only_a[at], found.only_b[at]) == (only_a, only_b)
        p_values.append(binomtest(only_b, only_a + only_b).pvalue)
    assert found.p_values == pytest.approx(p_values)
    assert found.p_value == pytest.approx(min(1, 2 * sum(p_values) / 6))


def test_other_samples_are_refused() -> None:
    first = several()
    second = other(first, 3)
    rng = np.random.default_rng(0)
    moved = copy.deepcopy(second)
    moved[1][1] = moved[1][1]._replace(rows=moved[1][1].rows + 1)
    for strange in (moved, second[:2]):
        with pytest.raises(InputError, match="different samples"):
            paired_classes(first, strange, 6, RULE, 10, rng, "class")
        with pytest.raises(InputError, match="different samples"):
            mcnemar_classes(first, strange)


def test_classes_are_ranked_by_logits_where_probabilities_vanish() -> None:
    logits = np.array([[0.0, -500.0, -400.0, -900.0]], np.float32)
    labels, rows = np.array([2]), np.arange(1)
    assert class_table(rows, softmax(logits), labels, rows).ranks[0] > 2  # three zeros stand in class order
    assert class_table(rows, softmax(logits), labels, rows, logits).ranks[0] == 2
