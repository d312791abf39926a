"""Results as tables for people: percentages with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from eval.ranking.rescoring import scoring_words
from eval.views.wording import protocol_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eval.results.schema import Definition, EvalResult, Metric, Part, Slice

SHOWN = (
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

WIDEST = 8
"""With more metrics than this, metrics are the rows of a table."""

TITLES = {"mean_ap": "mAP", "mean_inp": "mINP"}


def ranking_tables(result: EvalResult) -> Iterator[Table]:
    """The metrics, and the slices and definitions where the result has them."""
    yield result_table(result)
    if result.slices is not None:
        yield slices_table(result.slices, str(result.config["slice"]))
    if result.definitions is not None:
        yield definitions_table(result.definitions)


def result_table(result: EvalResult) -> Table:
    """One row per part, and one for the whole; a cell is the percentage and its interval.

    With several draws the standard deviation over them stands behind ±. Many metrics are rows instead, parts columns.
    """
    table = Table(
        title=_title(result),
        caption=_caption(result),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    if len(result.metrics) > WIDEST:
        return _metrics_as_rows(table, result)
    if result.parts:
        table.add_column("part")
    for name in result.metrics:
        table.add_column(metric_title(name), justify="right", no_wrap=True)
    for count in ("queries", "gallery", "identities"):
        table.add_column(count, justify="right")
    for name, part in (result.parts or {}).items():
        table.add_row(name, *_cells(part))
    whole = ("mean",) if result.parts else ()
    table.add_row(*whole, *_cells(result), style="bold" if result.parts else "")
    return table


def slices_table(slices: Mapping[str, Slice], column: str) -> Table:
    """One row per value of the slicing column, or one column where there are many metrics; small ones are marked."""
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
    names = list(dict.fromkeys(name for part in slices.values() for name in part.metrics))
    counts = list(dict.fromkeys(key for part in slices.values() for key in part.n))
    whose = "pairs whose query has the value, mean" if "genuine" in counts else "mean over the queries of a draw, then"
    table.caption = f"{whose} over draws"
    table.add_column(column)
    if len(names) > WIDEST:
        return _slices_as_columns(table, slices, names, counts)
    for name in names:
        table.add_column(metric_title(name), justify="right", no_wrap=True)
    for count in (*map(_count_title, counts), ""):
        table.add_column(count, justify="right")
    for value, part in slices.items():
        cells = [percent(part.metrics[name]) if name in part.metrics else "" for name in names]
        table.add_row(value, *cells, *(f"{part.n[key]:,.6g}" for key in counts), "small" if part.small else "")
    return table


def definitions_table(definitions: Sequence[Definition]) -> Table:
    """One row per metric and definition of AP; one column per tie policy and denominator."""
    values = {(_definition(each), each.ties, each.denominator): each.value for each in definitions}
    columns = list(dict.fromkeys((each.ties, each.denominator) for each in definitions))
    table = Table(title="The same ranking by every definition, percent", caption=tie_sensitivity(definitions))
    table.box, table.pad_edge, table.header_style = None, False, "bold"
    table.title_justify = table.caption_justify = "left"
    table.add_column("")
    for ties, denominator in columns:
        table.add_column(f"{ties}\n{denominator}", justify="right", no_wrap=True)
    for name in dict.fromkeys(map(_definition, definitions)):
        table.add_row(name, *(f"{100 * values[name, ties, denominator]:.2f}" for ties, denominator in columns))
    return table


def tie_sensitivity(definitions: Sequence[Definition]) -> str:
    """How much the order of equal scores can change, in one line."""
    ends: dict[str, list[float]] = {}
    for ties in ("pessimistic", "optimistic"):
        for each in definitions:
            if each.ties == ties and each.denominator == "valid" and each.ap_method in {None, "step"}:
                ends.setdefault(_definition(each), []).append(100 * each.value)
    spans = [f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in ends.items()]
    return f"Ties, pessimistic to optimistic (denominator valid): {', '.join(spans)}."


def _definition(each: Definition) -> str:
    """``mAP step``, ``mAP@10 / min_k_n``."""
    if each.ap_method is None:
        return metric_title(each.metric)
    if each.ap_k is not None:
        return f"mAP@{each.ap_k} / {each.ap_denominator}"
    return {"at_r": "mAP@R", "sklearn": "mAP scikit-learn"}.get(each.ap_method, f"mAP {each.ap_method}")


def metric_title(name: str) -> str:
    """``rank_1`` as ``Rank-1``, ``mean_ap`` as ``mAP``."""
    if name.startswith("rank_"):
        return f"Rank-{name.removeprefix('rank_')}"
    return TITLES.get(name, name)


def percent(metric: Metric) -> str:
    """``28.4 [21.8, 34.7] ±1.9``: value, 95 % interval, standard deviation over draws; what there is of them."""
    words = [f"{100 * metric.value:.1f}"]
    if metric.ci95 is not None:
        words.append(f"[{100 * metric.ci95[0]:.1f}, {100 * metric.ci95[1]:.1f}]")
    if metric.sd_draws is not None:
        words.append(f"±{100 * metric.sd_draws:.1f}")
    return " ".join(words)


def p_text(value: float) -> str:
    """A p-value to four places."""
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _metrics_as_rows(table: Table, result: EvalResult) -> Table:
    whole = "mean" if result.parts else "percent"
    sections: dict[str, EvalResult | Part] = {**(result.parts or {}), whole: result}
    table.add_column("")
    for name in sections:
        table.add_column(name, justify="right")
    for metric in result.metrics:
        table.add_row(metric_title(metric), *(percent(section.metrics[metric]) for section in sections.values()))
    for count in result.n:
        table.add_row(
            count, *(f"{section.n[count]:,.6g}" if count in section.n else "" for section in sections.values())
        )
    return table


def _slices_as_columns(
    table: Table, slices: Mapping[str, Slice], metrics: Sequence[str], counts: Sequence[str]
) -> Table:
    """A slice without searches has no open-set figures: these cells stay empty."""
    for name in slices:
        table.add_column(name, justify="right")
    for metric in metrics:
        cells = [percent(part.metrics[metric]) if metric in part.metrics else "" for part in slices.values()]
        table.add_row(metric_title(metric), *cells)
    for key in counts:
        table.add_row(_count_title(key), *(f"{part.n[key]:,.6g}" for part in slices.values()))
    if any(part.small for part in slices.values()):
        table.add_row("", *("small" if part.small else "" for part in slices.values()))
    return table


def _count_title(key: str) -> str:
    return "queries" if key == "query" else key


def _cells(section: EvalResult | Part) -> list[str]:
    counts = [f"{section.n[key]:,}" for key in ("query", "gallery", "identities")]
    return [*map(percent, section.metrics.values()), *counts]


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
    sure = any(metric.ci95 is not None for section in whole for metric in section.metrics.values())
    people = result.n.get("query_identities", result.n["identities"])
    intervals = f", [95 % by bootstrap over {people:,} identities]" if sure else ""
    shown = [f"{key}={_word(config[key])}" for key in SHOWN if config.get(key) or config.get(key) is False]
    return f"percent{intervals}{draws} · {' · '.join([*shown, *scoring_words(config)])}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
