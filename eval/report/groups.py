"""Which results may stand side by side: those over the same samples and the same label universe."""

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

MEASURED_BY = (
    "macro_over", "bins", "interval", "ap_method", "ap_k", "ap_denominator", "ties", "denominator", "camera_rule",
    "group_rule", "pairs",
)  # fmt: skip
"""Options that define a metric; results that differ in one are comparable only with care."""


class LabelledResult(NamedTuple):
    """A result, its file, and a short name for it that no other result of the report has."""

    label: str
    path: Path
    result: EvalResult


class MetricsRow(NamedTuple):
    """Figures in a table or a bar chart: of a whole result, or of one of its arms or parts."""

    label: str
    metrics: Mapping[str, Metric]
    result: EvalResult
    whole: bool = True


class Group(NamedTuple):
    """Results that share label universe, split sets of whole and parts, number of samples and kind of metrics."""

    results: tuple[LabelledResult, ...]

    @property
    def title(self) -> str:
        """What they are over."""
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
        """All metrics, in the order they are first met."""
        return list(dict.fromkeys(name for row in self.rows() for name in row.metrics))

    def warnings(self) -> list[str]:
        """Say which definitions differ between the results."""
        found = []
        for key in MEASURED_BY:
            values = {each.result.config.get(key) for each in self.results if not _listed(each.result, key)}
            if len(values) > 1:
                words = ", ".join(f"{each.label}: {each.result.config.get(key)}" for each in self.results)
                found.append(f"The results of one table are measured differently: {key} is {words}.")
        return found


def read_results(paths: Sequence[Path]) -> list[LabelledResult]:
    """Read result files; each is taken once.

    Raises:
        InputError: none is given, or one is not a result file.
        MissingFileError: one is not there.
    """
    unique = list(dict.fromkeys(paths))
    if not unique:
        raise InputError("No result file is given; evaluate and write one with `out`.")
    names = Counter(path.stem for path in unique)
    labels = [path.stem if names[path.stem] == 1 else f"{path.parent.name}/{path.stem}" for path in unique]
    again = Counter(labels)
    labels = [label if again[label] == 1 else str(path) for label, path in zip(labels, unique, strict=True)]
    return [LabelledResult(label, path, read_result(path)) for label, path in zip(labels, unique, strict=True)]


def group_results(results: Sequence[LabelledResult]) -> list[Group]:
    """Put what may be compared together; groups and results keep the order they were given in."""
    groups: dict[tuple[object, ...], list[LabelledResult]] = {}
    for each in results:
        groups.setdefault(_shared(each.result), []).append(each)
    return [Group(tuple(found)) for found in groups.values()]


def separation_warning(groups: Sequence[Group]) -> str | None:
    """Say that groups must not be compared, and why; None where there is one."""
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
    said = ", ".join(f"{count} {what}" for what, count in differences if count > 1)
    apart = parts_difference(firsts[0], firsts[1])
    why = "top-5 of 90 classes is another question than top-5 of 169" if differences[0][1] > 1 else "the samples differ"
    if differences[0][1] == differences[1][1] == 1 and apart is not None:
        why = apart
    return (
        f"These results are over {said}, so there are {len(groups)} separate tables. Figures of different tables must "
        f"not be compared: {why}."
    )


def _shared(result: EvalResult) -> tuple[object, ...]:
    return (
        result.task,
        result.label_universe.sha256,
        result.provenance.split_sha256,
        part_keys(result),
        sample_count(result),
    )


def _listed(result: EvalResult, key: str) -> bool:
    """Whether an option's value is no single value."""
    return isinstance(result.config.get(key), list | dict)
