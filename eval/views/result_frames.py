"""Sections of a result as Arrow tables, one row per metric, draw, class or setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from eval.results.schema import EvalResult, Metric, Part
from eval.views.wording import protocol_name, value_words
from retrieval.errors import InputError, unknown

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


def result_table(result: EvalResult, section: str = "metrics") -> pa.Table:
    """Turn a section of a result into a table; every row begins with the result's mode, protocol and space.

    Args:
        result: the result.
        section: a key of :data:`SECTIONS`.

    Raises:
        UnknownNameError: there is no such section.
        InputError: the result does not have it.
    """
    import pyarrow as pa

    if section not in SECTIONS:
        raise unknown("section of a result", section, SECTIONS)
    protocol = protocol_name(result.protocol, result.departs_from)
    head = {"mode": result.mode, "protocol": protocol, "space": result.provenance.space}
    rows = [head | row for row in SECTIONS[section](result)]
    if not rows:
        have = ", ".join(name for name, make in SECTIONS.items() if any(True for _ in make(result)))
        raise InputError(f"A result of mode {result.mode} has no section '{section}'; it has: {have}.")
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def _metrics(result: EvalResult) -> Iterator[Row]:
    """Metrics of the whole (part is null) and of every part."""
    for part, metrics in _metrics_of_parts(result):
        for name, metric in metrics.items():
            yield {"part": part, "metric": name, **_metric_row(metric)}


def _metrics_of_parts(result: EvalResult) -> Iterator[tuple[str | None, Mapping[str, Metric]]]:
    """Metrics of the whole, under None, then those of every part."""
    yield None, result.metrics
    for name, part in (result.parts or {}).items():
        yield name, part.metrics


def _metric_row(metric: Metric) -> Row:
    low, high = metric.ci95 or (None, None)
    return {
        "value": metric.value,
        "ci_low": low,
        "ci_high": high,
        "sd_draws": metric.sd_draws,
        "sd_seeds": metric.sd_seeds,
    }


def _draws(result: EvalResult) -> Iterator[Row]:
    parts: list[tuple[str | None, EvalResult | Part]] = [(None, result), *(result.parts or {}).items()]
    for name, part in parts:
        for number, draw in enumerate(part.draws):
            yield {"part": name, "draw": number, **draw}


def _per_class(result: EvalResult) -> Iterator[Row]:
    for label, metrics in (result.per_class or {}).items():
        yield {"label": label, **metrics.model_dump()}


def _confusion(result: EvalResult) -> Iterator[Row]:
    for pair in result.confusion or ():
        yield pair.model_dump()


def _sweep(result: EvalResult) -> Iterator[Row]:
    for point in result.sweep or ():
        yield {"arm": point.arm, "role": point.role, **_texts(point.settings), **point.metrics, "chosen": point.chosen}


def _texts(settings: Mapping[str, Any]) -> Row:
    """Write settings as texts, as a column may have numbers in one row and words in another."""
    return {name: None if value is None else value_words(value) for name, value in settings.items()}


def _slices(result: EvalResult) -> Iterator[Row]:
    for value, part in (result.slices or {}).items():
        for name, metric in part.metrics.items():
            yield {"slice": value, "metric": name, **_metric_row(metric), "small": part.small}


def _arms(result: EvalResult) -> Iterator[Row]:
    for name_of_arm, arm in (result.arms or {}).items():
        for name, metric in (arm.metrics or {}).items():
            yield {"arm": name_of_arm, "scorer": arm.scorer, "metric": name, **_metric_row(metric)}


SECTIONS: Mapping[str, Callable[[EvalResult], Iterator[Row]]] = {
    "metrics": _metrics, "draws": _draws, "per_class": _per_class, "confusion": _confusion, "sweep": _sweep,
    "slices": _slices, "arms": _arms,
}  # fmt: skip
