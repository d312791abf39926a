"""How far the best result of a group is ahead of the others, paired sample by sample where that is possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from eval.results.assets import read_predictions
from eval.results.differences import SAME_VALUE
from eval.runs.request import BOOTSTRAP_STREAM
from eval.statistics.paired_tests import paired_differences
from eval.statistics.query_summary import DrawTable
from retrieval.errors import VitrineError

if TYPE_CHECKING:
    from eval.report.groups import Group, LabelledResult
    from eval.results.schema import EvalResult
    from eval.statistics.paired_comparison import Comparison
    from eval.statistics.paired_tests import PairedDifference

    Pairing: TypeAlias = Callable[[EvalResult, EvalResult], Comparison]

PAIRED = "top_1"
"""The metric whose value for every sample ``predictions.csv`` holds."""


class Lead(NamedTuple):
    """The headline metric of the best result less that of another.

    ``value`` has the sign of a difference, so it is negative where lower is better. ``ci95`` and ``p_value`` are of the
    paired test of ``compare``, None where the two are not ``paired`` or there are too few units. ``reason`` is a
    sentence that says why they cannot be paired.
    """

    label: str
    value: float
    ci95: tuple[float, float] | None = None
    p_value: float | None = None
    paired: bool = False
    reason: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether the interval is of differences of one sign."""
        return self.ci95 is not None and (min(self.ci95) > 0 or max(self.ci95) < 0)


def leads_of(group: Group, pair: Pairing | None = None) -> list[Lead]:
    """The leads of the first result of a group, which is the best, over each of the others, in order.

    There is none over a result that lacks the headline metric. Classifications are paired by the predictions beside
    their files.

    Args:
        group: results, the best first.
        pair: compares two results that have no such predictions; None leaves them unpaired.

    Raises:
        InputError: predictions beside a result cannot be read.
    """
    best, *others = group.results
    ours = _answers(best) if group.headline == PAIRED and others else None
    having = [other for other in others if group.headline in other.result.metrics]
    leads = [_lead(group.headline, best, other, ours) for other in having]
    if pair is None:
        return leads
    return [
        lead if lead.paired else _compared(group.headline, best, other, pair)
        for lead, other in zip(leads, having, strict=True)
    ]


def _lead(metric: str, best: LabelledResult, other: LabelledResult, ours: _Answers | None) -> Lead:
    value = best.result.metrics[metric].value - other.result.metrics[metric].value
    theirs = None if ours is None else _answers(other)
    if ours is None or theirs is None or not ours.can_pair(theirs):
        return Lead(other.label, value)
    resamples = max(int(labelled.result.config.get("bootstrap", 0)) for labelled in (best, other))
    seed = np.random.SeedSequence(best.result.provenance.seed, spawn_key=(BOOTSTRAP_STREAM,))
    rng = np.random.Generator(np.random.PCG64(seed))
    difference = paired_differences([metric], [theirs.draws], [ours.draws], resamples, rng)[metric]
    return _paired(other.label, difference, resamples)


def _compared(metric: str, best: LabelledResult, other: LabelledResult, pair: Pairing) -> Lead:
    try:
        comparison = pair(other.result, best.result)
    except VitrineError as error:
        value = best.result.metrics[metric].value - other.result.metrics[metric].value
        return Lead(other.label, value, reason=str(error))
    return _paired(other.label, comparison.differences[metric], comparison.resamples)


def _paired(label: str, difference: PairedDifference, resamples: int) -> Lead:
    metric = difference.metric
    if not resamples or metric.ci95 is None:
        return Lead(label, metric.value, paired=True)
    return Lead(label, metric.value, metric.ci95, difference.p_value, paired=True)


class _Answers(NamedTuple):
    """Ids of the tested samples by draw, and whether their answers are right (the share of seeds), with their units."""

    ids: list[list[str]]
    draws: list[DrawTable]

    def can_pair(self, other: _Answers) -> bool:
        units = [[table.units.tolist() for table in answers.draws] for answers in (self, other)]
        return self.ids == other.ids and units[0] == units[1]


def _answers(labelled: LabelledResult) -> _Answers | None:
    """Read the predictions beside a result; None if there are none, or they are not those of the result.

    The units are what the interval of the result resamples: samples, or groups where each has one.
    """
    predictions = read_predictions(labelled.path)
    if predictions is None:
        return None
    by_group = labelled.result.config.get("interval") == "group"
    right: dict[int, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    units: dict[str, str] = {}
    for row in predictions:
        right[row.draw][row.id].append(row.correct)
        units[row.id] = row.group if by_group else row.id
    if not units or not all(units.values()):
        return None
    codes = {unit: code for code, unit in enumerate(sorted(set(units.values())))}
    ids = [sorted(samples) for samples in right.values()]
    tables = [
        DrawTable(np.array([[np.mean(samples[name])] for name in names]), np.array([codes[units[n]] for n in names]))
        for names, samples in zip(ids, right.values(), strict=True)
    ]
    mean = float(np.mean([table.values.mean() for table in tables]))
    is_of_result = abs(mean - labelled.result.metrics[PAIRED].value) <= SAME_VALUE
    return _Answers(ids, tables) if is_of_result else None
