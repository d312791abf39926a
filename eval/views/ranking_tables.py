"""Tables of a ranking or a verification result on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.ranking.rescoring import scoring_words
from eval.views.wording import count_name, count_words, metric_name, metric_words, protocol_name
from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eval.results.schema import Definition, EvalResult, Part, Slice

CAPTION_OPTIONS = (
    "aspect",
    "query_aspect",
    "gallery_aspect",
    "mirror",
    "where",
    "ap_method",
    "ties",
    "denominator",
    "camera_rule",
    "pairs",
    "unknown",
)
"""Options that a caption names."""

COUNTS = ("query", "gallery", "identities")
"""Counts that have a column, where the mode makes them."""

WIDEST = 8
"""With more metrics than this, metrics are the rows of a table."""


def ranking_tables(result: EvalResult) -> Iterator[FittedTable]:
    """The tables of one result: its metrics, and the slices and definitions that it has."""
    yield result_table(result)
    if result.slices is not None:
        yield slices_table(result.slices, str(result.config["slice"]))
    if result.definitions is not None:
        yield definitions_table(result.definitions)


def result_table(result: EvalResult) -> FittedTable:
    """One row per part and one for the whole, one column per metric.

    A cell has the percentage, its interval and, with several draws, the standard deviation over them behind ±. With
    more than ``WIDEST`` metrics, metrics are the rows and parts the columns.
    """
    table = FittedTable(_title(result), _caption(result), has_heading=bool(result.parts))
    if len(result.metrics) > WIDEST:
        return _metrics_as_rows(table, result)
    if result.parts:
        table.add_column("part")
    for name in result.metrics:
        table.add_column(metric_name(name), "metric")
    counts = [key for key in COUNTS if key in result.n]
    for key in counts:
        table.add_column(count_name(key), "number")
    for name, part in (result.parts or {}).items():
        table.add_row(name, *_cells(part, counts))
    whole = ("mean",) if result.parts else ()
    table.add_row(*whole, *_cells(result, counts), style="bold" if result.parts else "")
    return table


def slices_table(slices: Mapping[str, Slice], column: str) -> FittedTable:
    """One row per value of ``column``, or one column with more than ``WIDEST`` metrics; small slices are marked."""
    table = FittedTable()
    names = list(dict.fromkeys(name for part in slices.values() for name in part.metrics))
    counts = list(dict.fromkeys(key for part in slices.values() for key in part.n))
    average = (
        "pairs whose query has the value, mean" if "genuine" in counts else "mean over the queries of a draw, then"
    )
    table.caption = f"{average} over draws"
    table.add_column(column)
    if len(names) > WIDEST:
        return _slices_as_columns(table, slices, names, counts)
    for name in names:
        table.add_column(metric_name(name), "metric")
    for count in (*map(count_name, counts), ""):
        table.add_column(count, "number")
    for value, part in slices.items():
        cells = [metric_words(name, part.metrics[name]) if name in part.metrics else "" for name in names]
        table.add_row(value, *cells, *(count_words(part.n[key]) for key in counts), "small" if part.small else "")
    return table


def definitions_table(definitions: Sequence[Definition]) -> FittedTable:
    """One row per metric and definition of AP; one column per tie policy and denominator."""
    values = {(_definition_name(entry), entry.ties, entry.denominator): entry.value for entry in definitions}
    columns = list(dict.fromkeys((entry.ties, entry.denominator) for entry in definitions))
    table = FittedTable("The same ranking by every definition, percent", tie_sensitivity(definitions))
    table.add_column()
    for ties, denominator in columns:
        table.add_column(f"{ties}\n{denominator}", "number")
    for name in dict.fromkeys(map(_definition_name, definitions)):
        table.add_row(name, *(f"{100 * values[name, ties, denominator]:.2f}" for ties, denominator in columns))
    return table


def tie_sensitivity(definitions: Sequence[Definition]) -> str:
    """Say in one line how much each metric depends on the order of equal scores."""
    ends: dict[str, list[float]] = {}
    for ties in ("pessimistic", "optimistic"):
        for entry in definitions:
            if entry.ties == ties and entry.denominator == "valid" and entry.ap_method in {None, "step"}:
                ends.setdefault(_definition_name(entry), []).append(100 * entry.value)
    spans = [f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in ends.items()]
    return f"Ties, pessimistic to optimistic (denominator valid): {', '.join(spans)}."


def _definition_name(entry: Definition) -> str:
    """``Rank-1``, ``mAP step``, ``mAP@10 / min_k_n``."""
    if entry.ap_method is None:
        return metric_name(entry.metric)
    if entry.ap_k is not None:
        return f"mAP@{entry.ap_k} / {entry.ap_denominator}"
    return {"at_r": "mAP@R", "sklearn": "mAP scikit-learn"}.get(entry.ap_method, f"mAP {entry.ap_method}")


def _metrics_as_rows(table: FittedTable, result: EvalResult) -> FittedTable:
    whole = "mean" if result.parts else "percent"
    sections: dict[str, EvalResult | Part] = {**(result.parts or {}), whole: result}
    table.has_heading = True
    table.add_column()
    for name in sections:
        table.add_column(name, "metric")
    for metric in result.metrics:
        table.add_row(
            metric_name(metric), *(metric_words(metric, section.metrics[metric]) for section in sections.values())
        )
    for count in result.n:
        counts = [count_words(section.n[count]) if count in section.n else "" for section in sections.values()]
        table.add_row(count_name(count), *counts)
    return table


def _slices_as_columns(
    table: FittedTable, slices: Mapping[str, Slice], metrics: Sequence[str], counts: Sequence[str]
) -> FittedTable:
    """Fill one column per slice; cells of metrics that a slice does not have (open-set ones) stay empty."""
    for name in slices:
        table.add_column(name, "metric")
    for metric in metrics:
        cells = [
            metric_words(metric, part.metrics[metric]) if metric in part.metrics else "" for part in slices.values()
        ]
        table.add_row(metric_name(metric), *cells)
    for key in counts:
        table.add_row(count_name(key), *(count_words(part.n[key]) for part in slices.values()))
    if any(part.small for part in slices.values()):
        table.add_row("", *("small" if part.small else "" for part in slices.values()))
    return table


def _cells(section: EvalResult | Part, counts: Sequence[str]) -> list[str]:
    metrics = [metric_words(name, metric) for name, metric in section.metrics.items()]
    return [*metrics, *(f"{section.n[key]:,}" for key in counts)]


def _title(result: EvalResult) -> str:
    source = result.provenance
    protocol = protocol_name(result.protocol, result.departs_from)
    return (
        f"{result.mode} · {protocol} · space {source.space} · store version {source.store_version} · seed {source.seed}"
    )


def _caption(result: EvalResult) -> str:
    config = result.config
    draws = f", ±standard deviation over {len(result.draws)} draws" if len(result.draws) > 1 else ""
    whole: list[EvalResult | Part] = [result, *(result.parts or {}).values()]
    has_intervals = any(metric.ci95 is not None for section in whole for metric in section.metrics.values())
    identities = result.n.get("query_identities", result.n.get("identities"))
    over = "" if identities is None else f" over {identities:,} identities"
    intervals = f", [95 % by bootstrap{over}]" if has_intervals else ""
    options = [
        f"{key}={_option_words(config[key])}" for key in CAPTION_OPTIONS if config.get(key) or config.get(key) is False
    ]
    return f"percent{intervals}{draws} · {' · '.join([*options, *scoring_words(config)])}"


def _option_words(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
