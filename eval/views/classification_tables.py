"""Results of classification as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from eval.results.schema import Metric
from eval.views.ranking_tables import metric_title, p_text, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eval.results.schema import EvalResult, Gain, SweepPoint

SWEPT = ("top_1", "top_5", "balanced_accuracy", "macro_f1", "nll")
NOT_PERCENT = frozenset({"nll", "brier"})
MOST_ROWS = 40


def class_tables(result: EvalResult) -> Iterator[Group]:
    """The tables of one result: the figures, every candidate setting, prompts as queries."""
    yield _figures(result)
    if any(arm.gains for arm in (result.arms or {}).values()):
        yield _gains(result)
    for arm in dict.fromkeys(point.arm for point in result.sweep or ()):
        for role in ("val", "test"):
            points = [point for point in result.sweep or () if point.arm == arm and point.role == role]
            if len(points) > 1:
                yield _sweep(points, arm, role)
    if result.retrieval is not None:
        table = _plain()
        for name in result.retrieval:
            table.add_column(name.removeprefix("text_to_image_"), justify="right")
        table.add_row(*(f"{100 * v:.1f}" if "_r_" in f"_{n}" else f"{v:,.6g}" for n, v in result.retrieval.items()))
        yield _around("Prompts as queries for images, percent", table)


def grid_table(results: Sequence[EvalResult]) -> Group:
    """One row per result: models and prompt sets beside each other."""
    table = _plain()
    table.add_column("space", overflow="fold")
    table.add_column("bank", overflow="fold")
    names = [name for name in results[0].metrics if name not in NOT_PERCENT]
    for name in names:
        table.add_column(metric_title(name), justify="right", no_wrap=True)
    for result in results:
        bank = next((arm.bank for arm in (result.arms or {}).values() if arm.bank), "")
        table.add_row(result.provenance.space, bank, *(figure(name, result.metrics[name]) for name in names))
    return _around(f"{results[0].mode} · {results[0].protocol} · percent, [95 % interval]", table)


def figure(name: str, metric: Metric) -> str:
    """A fraction as percent, other figures as they are, with the interval."""
    if name not in NOT_PERCENT:
        words = percent(metric)
        return words if metric.sd_seeds is None else f"{words} ±{100 * metric.sd_seeds:.1f} (seeds)"
    ends = "" if metric.ci95 is None else f" [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"
    return f"{metric.value:.3f}{ends}"


def _figures(result: EvalResult) -> Group:
    """Metrics as rows; of several arms each is a column, and what the whole gains over it."""
    table = _plain()
    arms = {name: arm for name, arm in (result.arms or {}).items() if arm.metrics is not None}
    table.add_column("")
    for name in arms:
        table.add_column(name, justify="right")
    table.add_column(result.mode, justify="right")
    for metric, value in result.metrics.items():
        own = [figure(metric, (arm.metrics or {})[metric]) for arm in arms.values()]
        table.add_row(metric_title(metric), *own, figure(metric, value))
    for count, number in result.n.items():
        table.add_row(count, *("" for _ in arms), f"{number:,.6g}")
    return _around(_title(result), table, _caption(result))


def _gains(result: EvalResult) -> Group:
    """What the whole gains over each arm."""
    arms = {name: arm.gains for name, arm in (result.arms or {}).items() if arm.gains}
    table = _plain()
    table.add_column("")
    for name in arms:
        table.add_column(f"over {name}", justify="right", no_wrap=True)
    for metric in result.metrics:
        table.add_row(metric_title(metric), *(_gain(metric, gains.get(metric)) for gains in arms.values()))
    tested = [
        f"top-1 over {name}: p {p_text(gains['top_1'].p_value)}"
        for name, gains in arms.items()
        if "top_1" in gains and gains["top_1"].p_value is not None
    ]
    caption = f"paired, [95 %]; by exchanging the two answers, {', '.join(tested)}" if tested else ""
    return _around(f"What {result.mode} gains", table, caption)


def _gain(name: str, gain: Gain | None) -> str:
    if gain is None:
        return ""
    scale, digits = (1, 3) if name in NOT_PERCENT else (100, 1)
    ends = ""
    if gain.ci95 is not None:
        ends = f" [{scale * gain.ci95[0]:+.{digits}f}, {scale * gain.ci95[1]:+.{digits}f}]"
    return f"{scale * gain.value:+.{digits}f}{ends}"


def _sweep(points: Sequence[SweepPoint], arm: str | None, role: str) -> Group:
    keys = list(dict.fromkeys(key for point in points for key in point.settings))
    metrics = [name for name in SWEPT if name in points[0].metrics]
    what = f"arm {arm}" if arm else "the whole"
    note = "* chosen" if any(point.chosen for point in points) else "side by side, none chosen"
    shown = _shown(points)
    left = f"; {len(points) - len(shown)} more in the result file" if len(shown) < len(points) else ""
    table = _plain()
    for key in keys:
        table.add_column(key, justify="right")
    for name in metrics:
        table.add_column(metric_title(name), justify="right", no_wrap=True)
    for point in shown:
        cells = [_value(point.settings.get(key)) for key in keys]
        marked = "*" if point.chosen > 0 else ""
        table.add_row(*cells, *(_cell(point, name) for name in metrics[:-1]), _cell(point, metrics[-1]) + marked)
    return _around(f"Settings of {what} on {role}", table, f"percent (nll in nats), {note}{left}")


def _shown(points: Sequence[SweepPoint]) -> Sequence[SweepPoint]:
    """All points, or of many the chosen and the first."""
    if len(points) <= MOST_ROWS:
        return points
    chosen = [point for point in points if point.chosen > 0]
    return [*chosen, *[point for point in points if not point.chosen][: MOST_ROWS - len(chosen)]]


def _cell(point: SweepPoint, name: str) -> str:
    if name in NOT_PERCENT:
        return f"{point.metrics[name]:.3f}"
    words = f"{100 * point.metrics[name]:.1f}"
    ends = (point.ci95_of or {}).get(name)
    if ends is not None and name == SWEPT[0]:
        words += f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
    return words


def _value(value: str | float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _plain() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold")


def _around(title: str, table: Table, caption: str = "") -> Group:
    """A table between its title and its caption, which may be wider than the table."""
    below = [Text(caption, style="dim italic")] if caption else []
    return Group(Text(title, style="italic"), table, *below, Text())


def _title(result: EvalResult) -> str:
    source = result.provenance
    return (
        f"{result.mode} · {result.protocol} · space {source.space} · store version {source.store_version} · "
        f"seed {source.seed}"
    )


def _caption(result: EvalResult) -> str:
    universe, config = result.label_universe, result.config
    what = "groups" if config["interval"] == "group" else "images within classes"
    lines = [f"percent (nll and brier as they are), [95 % by bootstrap over {what}]"]
    lines.append(f"{universe.n} labels ({universe.origin}, {universe.sha256[:8]}) · macro over {config['macro_over']}")
    if result.chosen is not None and result.chosen.on:
        chosen = ", ".join(f"{key}={_value(value)}" for key, value in result.chosen.settings[0].items())
        lines.append(f"chosen on {result.chosen.on} by {result.chosen.criterion}: {chosen}" if chosen else "")
    return "\n".join(filter(None, lines + _temperatures(result)))


def _temperatures(result: EvalResult) -> list[str]:
    words = []
    for name, arm in (result.arms or {}).items():
        fitted = arm.calibration
        if fitted is not None:
            words.append(
                f"temperature of {name} fitted on val: {fitted.temperature:.4g} (NLL {fitted.nll_before:.3f} -> "
                f"{fitted.nll_after:.3f}, ECE {fitted.ece_before:.3f} -> {fitted.ece_after:.3f})"
            )
    return words
