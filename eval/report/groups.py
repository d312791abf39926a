"""Groups of results that may share a table: those over the same samples and the same label universe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.results.comparable import part_keys, parts_difference
from eval.results.differences import SAME_VALUE
from eval.results.files import read_result
from eval.results.schema import EvalResult
from eval.views.wording import (
    gallery_count,
    headline_method,
    is_classification,
    lower_is_better,
    sample_count,
    universe_words,
)
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.results.schema import Metric

METRIC_OPTIONS = (
    "macro_over", "bins", "interval", "ap_method", "ap_k", "ap_denominator", "ties", "denominator", "camera_rule",
    "group_rule", "pairs",
)  # fmt: skip
"""Options that define metrics; a group whose results differ in one gets a warning."""


class LabelledResult(NamedTuple):
    """A result, its file, and a label that no other result of the report has."""

    label: str
    path: Path
    result: EvalResult


class MetricsRow(NamedTuple):
    """The metrics of a result (``whole``) or of one of its arms: a row of a table, a bar of a chart.

    ``of`` is the label of the result.
    """

    label: str
    metrics: Mapping[str, Metric]
    result: EvalResult
    of: str
    whole: bool = True


class Group(NamedTuple):
    """Results that share label universe, split sets of the whole and of the parts, number of samples, and task."""

    results: tuple[LabelledResult, ...]

    @property
    def headline(self) -> str:
        """The metric that orders the results: the first that all of them have, else the first of the first."""
        names = [list(labelled.result.metrics) for labelled in self.results]
        return next((name for name in names[0] if all(name in others for others in names)), names[0][0])

    @property
    def title(self) -> str:
        """The label universe, split set and samples that the results share."""
        first = self.results[0].result
        samples = ", ".join(filter(None, (sample_count(first), gallery_count(first))))
        return f"{universe_words(first)}, split {first.provenance.split_sha256[:8]}, {samples}"

    @property
    def tied(self) -> tuple[LabelledResult, ...]:
        """The results whose headline metric is that of the first, which are the best ones together."""
        metric, best = self.headline, self.results[0].result.metrics[self.headline].value
        return tuple(
            labelled
            for labelled in self.results
            if metric in labelled.result.metrics and abs(labelled.result.metrics[metric].value - best) <= SAME_VALUE
        )

    def rows(self) -> list[MetricsRow]:
        """Every result, followed by its arms; methods of few shots stand side by side, the first for the result."""
        rows = []
        for label, _, result in self.results:
            first = headline_method(result)
            rows.append(MetricsRow(label if first is None else f"{label}: {first}", result.metrics, result, label))
            alone = " alone" if first is None else ""
            for name, arm in (result.arms or {}).items():
                if arm.metrics and name != first:
                    rows.append(MetricsRow(f"{label}: {name}{alone}", arm.metrics, result, label, whole=False))
        return rows

    def metrics(self) -> list[str]:
        """Names of all metrics, in order of first appearance."""
        return list(dict.fromkeys(name for row in self.rows() for name in row.metrics))

    def warnings(self) -> list[str]:
        """Sentences that name the options of metrics in which the results differ."""
        sentences = []
        for key in METRIC_OPTIONS:
            configs = {labelled.label: labelled.result.config for labelled in self.results}
            values = {config.get(key) for config in configs.values() if not isinstance(config.get(key), list | dict)}
            if len(values) > 1:
                words = ", ".join(f"{label}: {config.get(key)}" for label, config in configs.items())
                sentences.append(f"The results of one table are measured differently: {key} is {words}.")
        return sentences


def read_results(paths: Sequence[Path]) -> list[LabelledResult]:
    """Read result files and label each; a path that is given twice is read once.

    Raises:
        InputError: none is given, or one is not a result file.
        MissingFileError: one does not exist.
    """
    unique = list(dict.fromkeys(paths))
    if not unique:
        raise InputError("No result file is given; evaluate and write one with `out`.")
    names = Counter(path.stem for path in unique)
    labels = [path.stem if names[path.stem] == 1 else f"{path.parent.name}/{path.stem}" for path in unique]
    uses = Counter(labels)
    labels = [label if uses[label] == 1 else str(path) for label, path in zip(labels, unique, strict=True)]
    return [LabelledResult(label, path, read_result(path)) for label, path in zip(labels, unique, strict=True)]


def group_results(results: Sequence[LabelledResult]) -> list[Group]:
    """Group the results that may be compared, the best by the headline metric of a group first.

    Groups, and results with equal metrics, keep the order of ``results``.
    """
    groups: dict[tuple[object, ...], list[LabelledResult]] = {}
    for labelled in results:
        groups.setdefault(table_key(labelled.result), []).append(labelled)
    return [_best_first(Group(tuple(members))) for members in groups.values()]


def _best_first(group: Group) -> Group:
    metric = group.headline
    if not all(metric in labelled.result.metrics for labelled in group.results):
        return group
    sign = 1 if lower_is_better(metric) else -1
    return Group(tuple(sorted(group.results, key=lambda labelled: sign * labelled.result.metrics[metric].value)))


def separation_warnings(groups: Sequence[Group]) -> list[str]:
    """Say of each task with several groups that results of different groups must not be compared, and why."""
    firsts: dict[str, list[EvalResult]] = {}
    for group in groups:
        first = group.results[0].result
        firsts.setdefault(first.task, []).append(first)
    return [_separation(task, of_task) for task, of_task in firsts.items() if len(of_task) > 1]


def _separation(task: str, firsts: Sequence[EvalResult]) -> str:
    differences = (
        ("label universes", len({first.label_universe.sha256 for first in firsts})),
        ("split sets", len({first.provenance.split_sha256 for first in firsts})),
        ("ways to make the parts", len(set(map(part_keys, firsts)))),
        ("numbers of tested samples", len({sample_count(first) for first in firsts})),
    )
    counts = ", ".join(f"{count} {noun}" for noun, count in differences if count > 1)
    why = parts_difference(*firsts[:2]) if differences[0][1] == differences[1][1] == 1 else None
    if why is None:
        of_classes = is_classification(firsts[0]) and differences[0][1] > 1
        why = "top-5 of few classes is another question than top-5 of many" if of_classes else "the samples differ"
    return (
        f"Results of the task {task} are over {counts}, so there are {len(firsts)} separate tables. Metrics of "
        f"different tables must not be compared: {why}."
    )


def table_key(result: EvalResult) -> tuple[object, ...]:
    """What results must share to be in one table."""
    return (
        result.task,
        result.label_universe.sha256,
        result.provenance.split_sha256,
        part_keys(result),
        sample_count(result),
    )
