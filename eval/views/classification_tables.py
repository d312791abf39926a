"""Tables of a classification result on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.wording import (
    NOT_PERCENT,
    count_name,
    count_words,
    headline_method,
    metric_name,
    metric_words,
    p_value,
    value_words,
    with_interval,
)
from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eval.results.schema import EvalResult, SweepPoint

SWEEP_METRICS = ("top_1", "top_5", "balanced_accuracy", "macro_f1", "nll")
"""Columns of a table of settings; the first shows its interval."""

MOST_ROWS = 40
"""Settings that a table shows at most."""


def class_tables(result: EvalResult) -> Iterator[FittedTable]:
    """The tables of one result.

    Its metrics, what a fusion gains over its arms, the settings of every arm on val or test, and prompts as queries;
    those that the result does not have are left out.
    """
    yield _metrics_table(result)
    if any(arm.gains for arm in (result.arms or {}).values()):
        yield _gains_table(result)
    for arm in dict.fromkeys(point.arm for point in result.sweep or ()):
        for role in ("val", "test"):
            points = [point for point in result.sweep or () if point.arm == arm and point.role == role]
            if len(points) > 1:
                yield _sweep_table(points, arm, role)
    yield from _condition_tables(result)
    if result.retrieval is not None:
        table = FittedTable("Prompts as queries for images, percent", has_heading=False)
        for name in result.retrieval:
            table.add_column(name.removeprefix("text_to_image_"), "number")
        table.add_row(*(f"{100 * v:.1f}" if "_r_" in f"_{n}" else count_words(v) for n, v in result.retrieval.items()))
        yield table


def _condition_tables(result: EvalResult) -> Iterator[FittedTable]:
    """Slices of objects and conditions, what prompts with a situation gain, and targets."""
    if result.slices:
        method = headline_method(result) or next(iter(result.arms or {}), result.mode)
        caption = "right where type and condition are; percent, [95 %]"
        table = FittedTable(f"Objects and conditions by {method}", caption, has_heading=False)
        table.add_column("slice")
        names = list(next(iter(result.slices.values())).metrics)
        for name in names:
            table.add_column(metric_name(name), "metric")
        table.add_column("n", "number")
        for title, part in result.slices.items():
            cells = [metric_words(name, part.metrics[name]) for name in names]
            table.add_row(title, *cells, f"{count_words(part.n['test'])}{' small' if part.small else ''}")
        yield table
    if result.contrasts:
        table = FittedTable("What the situation in a prompt gains", has_heading=False)
        table.add_column()
        for name in result.contrasts[0].gains:
            table.add_column(metric_name(name), "metric")
        for one in result.contrasts:
            cells = [with_interval(name, gain.value, gain.ci95, sign=True) for name, gain in one.gains.items()]
            table.add_row(f"{one.first} over {one.second}, {one.n} {one.slice}", *cells)
        yield table
    if result.targets:
        table = FittedTable("Targets", "percent, [95 %]", has_heading=False)
        for name in ("slice", "target", "value", ""):
            table.add_column(name, "text" if name in {"slice", ""} else "metric")
        words = {True: "reached", False: "not reached", None: "no test sample"}
        for target in result.targets:
            value = "" if target.value is None else with_interval("top_1", target.value, target.ci95)
            table.add_row(target.slice, f"> {100 * target.target:g}", value, words[target.reached])
        yield table


def grid_table(results: Sequence[EvalResult]) -> FittedTable:
    """One row per result, to compare spaces and prompt sets; NLL and Brier are left out."""
    table = FittedTable(f"{results[0].mode} · {results[0].protocol} · percent, [95 % interval]")
    table.add_column("space")
    table.add_column("bank")
    names = [name for name in results[0].metrics if name not in NOT_PERCENT]
    for name in names:
        table.add_column(metric_name(name), "metric")
    for result in results:
        bank = next((arm.bank for arm in (result.arms or {}).values() if arm.bank), "")
        table.add_row(result.provenance.space, bank, *(metric_words(name, result.metrics[name]) for name in names))
    return table


def _metrics_table(result: EvalResult) -> FittedTable:
    """Make a row per metric, a column per arm and one for the whole, and counts below; methods have no whole."""
    table = FittedTable(_title(result), _caption(result))
    arms = {name: arm.metrics for name, arm in (result.arms or {}).items() if arm.metrics is not None}
    columns = [*arms.items(), (result.mode, result.metrics)]
    if headline_method(result) is not None:  # the metrics of the first method are those of the result
        columns.pop()
    table.add_column()
    for name, _ in columns:
        table.add_column(name, "metric")
    for name in result.metrics:
        table.add_row(metric_name(name), *(metric_words(name, metrics[name]) for _, metrics in columns))
    for name, count in result.n.items():
        table.add_row(count_name(name), *("" for _ in columns[1:]), count_words(count))
    return table


def _gains_table(result: EvalResult) -> FittedTable:
    """One row per metric, one column per arm: the whole less the arm."""
    arms = {name: arm.gains for name, arm in (result.arms or {}).items() if arm.gains}
    table = FittedTable(f"What {headline_method(result) or result.mode} gains")
    table.add_column()
    for name in arms:
        table.add_column(f"over {name}", "metric")
    for name in result.metrics:
        gains = [arm_gains.get(name) for arm_gains in arms.values()]
        cells = ["" if gain is None else with_interval(name, gain.value, gain.ci95, sign=True) for gain in gains]
        table.add_row(metric_name(name), *cells)
    p_values = [
        f"top-1 over {arm}: p {p_value(gains['top_1'].p_value)}"
        for arm, gains in arms.items()
        if "top_1" in gains and gains["top_1"].p_value is not None
    ]
    if p_values:
        table.caption = f"paired, [95 %] and p by exchanging the two answers, {', '.join(p_values)}"
    return table


def _sweep_table(points: Sequence[SweepPoint], arm: str | None, role: str) -> FittedTable:
    """Make a row per setting; a star marks the chosen ones."""
    keys = list(dict.fromkeys(key for point in points for key in point.settings))
    metrics = [name for name in SWEEP_METRICS if name in points[0].metrics]
    subject = f"arm {arm}" if arm else "the whole"
    choice = "* chosen" if any(point.chosen for point in points) else "side by side, none chosen"
    shown = _shown(points)
    left = f"; {len(points) - len(shown)} more in the result file" if len(shown) < len(points) else ""
    table = FittedTable(f"Settings of {subject} on {role}", f"percent (NLL in nats), {choice}{left}", has_heading=False)
    for key in keys:
        table.add_column(key, "number")
    for name in metrics:
        table.add_column(metric_name(name), "metric")
    for point in shown:
        settings = [_option_words(point.settings.get(key)) for key in keys]
        cells = [_sweep_cell(point, name) for name in metrics]
        cells[-1] += "*" if point.chosen > 0 else ""
        table.add_row(*settings, *cells)
    return table


def _shown(points: Sequence[SweepPoint]) -> Sequence[SweepPoint]:
    """All points; of more than ``MOST_ROWS`` the chosen ones and the first of the others."""
    if len(points) <= MOST_ROWS:
        return points
    chosen = [point for point in points if point.chosen > 0]
    return [*chosen, *[point for point in points if not point.chosen][: MOST_ROWS - len(chosen)]]


def _sweep_cell(point: SweepPoint, name: str) -> str:
    ci95 = (point.ci95_of or {}).get(name) if name == SWEEP_METRICS[0] else None
    return with_interval(name, point.metrics[name], ci95)


def _option_words(value: str | float | None) -> str:
    """The value of an option; empty where the setting does not have the option."""
    return "" if value is None else value_words(value)


def _title(result: EvalResult) -> str:
    source = result.provenance
    return (
        f"{result.mode} · {result.protocol} · space {source.space} · store version {source.store_version} · "
        f"seed {source.seed}"
    )


def _caption(result: EvalResult) -> str:
    universe, config = result.label_universe, result.config
    resampled = "groups" if config["interval"] == "group" else "samples within classes"
    lines = [f"percent (NLL and Brier as they are), [95 % by bootstrap over {resampled}]"]
    lines.append(f"{universe.n} labels ({universe.origin}, {universe.sha256[:8]}) · macro over {config['macro_over']}")
    method = headline_method(result)
    if method is not None:
        lines.append(f"the methods side by side; the headline of the result is the first, {method}")
    choice = result.chosen
    if choice is not None and choice.on:
        setting = ", ".join(f"{key}={_option_words(value)}" for key, value in choice.settings[0].items())
        lines.append(f"chosen on {choice.on} by {metric_name(str(choice.criterion))}: {setting}" if setting else "")
    return "\n".join(filter(None, lines + _temperatures(result)))


def _temperatures(result: EvalResult) -> list[str]:
    lines = []
    for name, arm in (result.arms or {}).items():
        fit = arm.calibration
        if fit is not None:
            lines.append(
                f"temperature of {name} fitted on val: {fit.temperature:.4g} (NLL {fit.nll_before:.3f} -> "
                f"{fit.nll_after:.3f}, ECE {fit.ece_before:.3f} -> {fit.ece_after:.3f})"
            )
    return lines
