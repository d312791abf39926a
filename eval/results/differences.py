"""Which numbers of two results of one request differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from eval.results.schema import EvalResult

SAME_VALUE = 1e-6
"""Largest difference of a repeated number; the same vectors may round differently on other hardware."""

NOT_MEASURED = frozenset(
    {"schema_version", "task", "mode", "protocol", "departs_from", "request", "warnings", "config"}
)
"""Sections that say what was evaluated; all others, apart from provenance and time, are measured."""

NAMES = frozenset({"bank", "space"})
"""Keys of names that a user may change; what they name is compared by its hash."""


class NumberDifference(NamedTuple):
    """A place in a result, such as ``metrics.top_1.ci95.0``, and what stands there; None where there is nothing."""

    place: str
    before: Any
    now: Any


def number_differences(before: EvalResult, now: EvalResult) -> list[NumberDifference]:
    """List the places where two results of one request differ: values, intervals, draws, settings, counts, curves.

    Numbers count as equal within :data:`SAME_VALUE`. Warnings, the request and where the result comes from are not
    compared.
    """
    left_out = {*NOT_MEASURED, "provenance", "created"}
    ours, theirs = (
        {key: value for key, value in result.to_dict().items() if key not in left_out} for result in (before, now)
    )
    return list(_differences(ours, theirs, ""))


def sections_of(differences: Sequence[NumberDifference]) -> dict[str, int]:
    """Count differences by section of the result: ``metrics``, ``draws``, ``sweep``, ..."""
    counts: dict[str, int] = {}
    for difference in differences:
        section = difference.place.partition(".")[0]
        counts[section] = counts.get(section, 0) + 1
    return counts


def _differences(before: Any, now: Any, place: str) -> Iterator[NumberDifference]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            if key in NAMES:
                continue
            yield from _differences(before.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{place}.{at}")
    elif not _same(before, now):
        yield NumberDifference(place, before, now)


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, int | float) and isinstance(now, int | float):
        return bool(abs(before - now) <= SAME_VALUE)
    return bool(before == now)
