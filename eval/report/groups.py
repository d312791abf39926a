"""Groups of results that may share a table: those over the same samples and the same label universe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.results.comparable import part_keys, parts_difference
from eval.results.files import read_result
from eval.results.schema import EvalResult
from eval.views.wording import gallery_count, sample_count, universe_words
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
    """The metrics of a result (``whole``) or of one of its arms: a row of a table, a bar of a chart."""

    label: str
    metrics: Mapping[str, Metric]
    result: EvalResult
    whole: bool = True


class Group(NamedTuple):
    """Results that share label universe, split sets of the whole and of the parts, number of samples, and task."""

    results: tuple[LabelledResult, ...]

    @property
    def title(self) -> str:
        """The label universe, split set and samples that the results share."""
        first = self.results[0].result
        samples = ", ".join(filter(None, (sample_count(first), gallery_count(first))))
        return f"{universe_words(first)}, split {first.provenance.split_sha256[:8]}, {samples}"

    def rows(self) -> list[MetricsRow]:
        """Every result, followed by its arms."""
        rows = []
        for label, _, result in self.results:
            rows.append(MetricsRow(label, result.metrics, result))
            for name, arm in (result.arms or {}).items():
                if arm.metrics:
                    rows.append(MetricsRow(f"{label}: {name} alone", arm.metrics, result, whole=False))
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
    """Group the results that may be compared; groups and results keep the order of ``results``."""
    groups: dict[tuple[object, ...], list[LabelledResult]] = {}
    for labelled in results:
        groups.setdefault(_group_key(labelled.result), []).append(labelled)
    return [Group(tuple(members)) for members in groups.values()]


def separation_warning(groups: Sequence[Group]) -> str | None:
    """Say that results of different groups must not be compared, and why; None for a single group."""
    if len(groups) < 2:
        return None
    firsts = [group.results[0].result for group in groups]
    differences = (
        ("label universes", len({first.label_universe.sha256 for first in firsts})),
        ("split sets", len({first.provenance.split_sha256 for first in firsts})),
        ("ways to make the parts", len(set(map(part_keys, firsts)))),
        ("numbers of tested samples", len({sample_count(first) for first in firsts})),
        ("kinds of metrics", len({first.task for first in firsts})),
    )
    counts = ", ".join(f"{count} {noun}" for noun, count in differences if count > 1)
    of_parts = parts_difference(firsts[0], firsts[1])
    why = "top-5 of 90 classes is another question than top-5 of 169" if differences[0][1] > 1 else "the samples differ"
    if differences[0][1] == differences[1][1] == 1 and of_parts is not None:
        why = of_parts
    return (
        f"These results are over {counts}, so there are {len(groups)} separate tables. Metrics of different tables "
        f"must not be compared: {why}."
    )


def _group_key(result: EvalResult) -> tuple[object, ...]:
    """What results must share to be in one group."""
    return (
        result.task,
        result.label_universe.sha256,
        result.provenance.split_sha256,
        part_keys(result),
        sample_count(result),
    )
