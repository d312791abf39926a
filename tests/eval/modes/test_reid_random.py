"""The mode against an evaluator written slowly and on its own, over 1,000 random problems and every option."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from eval.metrics.ranking import AP_DENOMINATORS, AP_METHODS, ApDenominator, ApMethod
from eval.modes.reid import MODE
from eval.ranking.problem import ReidConfig
from eval.ranking.relations import settle
from eval.seams.mode import WHOLE_PART, Arrays
from retrieval.errors import InputError

Entry = tuple[float, bool]
"""Score, and whether the entry is a positive; in order of the gallery."""


class Case(NamedTuple):
    arrays: Arrays
    options: dict[str, Any]


def random_case(seed: int) -> Case:
    """Few directions, so that many scores are tied; junk of every kind, distractors, people on one side only."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 30))
    directions = rng.standard_normal((int(rng.integers(2, 14)), 24)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    names = np.array(["-1", "0000", "0002", "3", "4", None], dtype=np.object_)
    columns = {
        "identity": names[rng.integers(0, len(names), n)],
        "camera": np.array([f"c{at}" for at in rng.integers(0, 3, n)], dtype=np.object_),
        "group": np.array([None if at > 4 else f"g{at}" for at in rng.integers(0, 8, n)], dtype=np.object_),
        "aspect": np.array([f"a{at}" for at in rng.integers(0, 2, n)], dtype=np.object_),
    }
    options: dict[str, Any] = {
        "ap_method": str(rng.choice(AP_METHODS)),
        "ap_k": int(rng.integers(1, 8)),
        "ap_denominator": str(rng.choice(AP_DENOMINATORS)),
        "ties": str(rng.choice(["stable", "pessimistic", "optimistic"])),
        "denominator": str(rng.choice(["valid", "all"])),
        "camera_rule": str(rng.choice(["none", "market1501"])),
        "group_rule": str(rng.choice(["none", "exclude"])),
        "identity_columns": ["identity", "aspect"][: int(rng.integers(1, 3))],
        "junk_identities": [[], ["-1"]][int(rng.integers(2))],
        "distractor_identities": [[], ["0000"]][int(rng.integers(2))],
        "bootstrap": 0,
    }
    both = rng.random() < 0.3
    split = int(rng.integers(1, n))
    draw = {"query": np.arange(n if both else split), "gallery": np.arange(0 if both else split, n)}
    vectors = directions[rng.integers(0, len(directions), n)]
    arrays = Arrays(np.array([f"{at:03d}" for at in range(n)]), {"base": vectors}, columns, {WHOLE_PART: (draw,)})
    return Case(arrays, options)


def slow_rankings(case: Case) -> list[list[Entry]]:
    """Per query its gallery without junk."""
    arrays, options = case
    columns, draw = arrays.columns, arrays.parts[WHOLE_PART][0]
    distinct, place = np.unique(arrays.vectors["base"], axis=0, return_inverse=True)
    product = distinct.astype(float) @ distinct.astype(float).T

    def who(row: int) -> tuple[str, ...] | None:
        parts = tuple(columns[name][row] for name in options["identity_columns"])
        return None if None in parts or parts[0] in options["distractor_identities"] else parts

    found = []
    for query in draw["query"].tolist():
        if columns["identity"][query] in options["junk_identities"]:
            continue
        entries = []
        for row in draw["gallery"].tolist():
            same = who(query) is not None and who(row) == who(query)
            same_camera = columns["camera"][row] == columns["camera"][query]
            same_group = columns["group"][row] is not None and columns["group"][row] == columns["group"][query]
            junk = (
                row == query
                or columns["identity"][row] in options["junk_identities"]
                or (options["camera_rule"] == "market1501" and same and same_camera)
                or (options["group_rule"] == "exclude" and same_group)
            )
            if not junk:
                entries.append((product[place[query], place[row]], same))
        found.append(entries)
    return found


def slow_order(entries: list[Entry], ties: str) -> list[bool]:
    """Whether the entry at each place is a positive."""
    lean = {"stable": 0, "pessimistic": 1, "optimistic": -1}[ties]
    return [same for _, same in sorted(entries, key=lambda entry: (-entry[0], lean * entry[1]))]


def slow_ap(entries: list[Entry], ties: str, method: ApMethod, k: int, denominator: ApDenominator) -> float:
    """AP by walking down the ranking."""
    total = sum(same for _, same in entries)
    if method == "sklearn":
        area = 0.0
        for score, same in entries:
            above = [other for other in entries if other[0] >= score]
            area += same * sum(hit for _, hit in above) / len(above) / total
        return area
    cutoff = {"at_r": total, "at_k": k}.get(method, len(entries))
    hits, area, before = 0, 0.0, 1.0
    for place, same in enumerate(slow_order(entries, ties)[:cutoff], start=1):
        hits += same
        if same:
            area += (before + hits / place) / 2 if method == "trapezoid" else hits / place
        before = hits / place
    by = {"n": total, "min_k_n": min(k, total), "hits": hits}[denominator] if method == "at_k" else total
    return area / by if by else 0.0


def slow_metrics(case: Case) -> dict[str, float] | None:
    """Metrics as the options say, None where no query has a positive."""
    _, options = case
    rankings = slow_rankings(case)
    valid = [entries for entries in rankings if any(same for _, same in entries)]
    if not valid:
        return None
    count = len(valid) if options["denominator"] == "valid" else len(rankings)
    orders = [slow_order(entries, options["ties"]) for entries in valid]
    ap = [
        slow_ap(entries, options["ties"], options["ap_method"], options["ap_k"], options["ap_denominator"])
        for entries in valid
    ]
    last = [max(at for at, same in enumerate(order, start=1) if same) for order in orders]
    return {
        **{f"rank_{k}": sum(any(order[:k]) for order in orders) / count for k in (1, 5, 10)},
        "mean_ap": sum(ap) / count,
        "mean_inp": sum(sum(order) / at for order, at in zip(orders, last, strict=True)) / count,
    }


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_problems(block: int) -> None:
    evaluated = 0
    for seed in range(100 * block, 100 * block + 100):
        case = random_case(seed)
        config, expected = ReidConfig.read(case.options, "test"), slow_metrics(case)
        if expected is None:
            with pytest.raises(InputError):
                MODE.evaluate(*settle(case.arrays, config), np.random.default_rng(0))
            continue
        found = MODE.evaluate(*settle(case.arrays, config), np.random.default_rng(0))
        values = {name: metric.value for name, metric in found.metrics.items()}
        assert values == pytest.approx(expected, abs=1e-9), (seed, case.options)
        evaluated += 1
    assert evaluated > 60


def test_all_definitions_are_what_each_gives_alone() -> None:
    case = next(case for case in map(random_case, range(100)) if slow_metrics(case) is not None)
    whole = MODE.evaluate(
        *settle(case.arrays, ReidConfig.read({**case.options, "all_definitions": True}, "test")),
        np.random.default_rng(0),
    )
    assert whole.definitions is not None
    assert len(whole.definitions) == (2 + 4 + 3) * 4 * 2
    for each in whole.definitions:
        options = {**case.options, "ties": each.ties, "denominator": each.denominator}
        if each.ap_method is not None:
            options["ap_method"] = each.ap_method
            options["ap_denominator"] = each.ap_denominator or "n"
        alone = MODE.evaluate(*settle(case.arrays, ReidConfig.read(options, "test")), np.random.default_rng(0))
        assert alone.metrics[each.metric].value == pytest.approx(each.value, abs=1e-12), each
