"""What the studies of conditions print: a metric with its interval, and targets beside what was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Metric

POLICIES = ("box", "box+context(0.3)", "full+box", "circle", "blur-outside(0.03)", "full+crop")


def in_words(metric: Metric) -> str:
    """Percent, with its interval."""
    ends = "" if metric.ci95 is None else f" [{100 * metric.ci95[0]:.1f}, {100 * metric.ci95[1]:.1f}]"
    return f"{100 * metric.value:.1f}{ends}"


def print_targets(result: EvalResult) -> None:
    """Print every target beside what was reached."""
    print("\n| target | wanted | reached |\n|---|---|---|")
    for one in result.targets or ():
        value = "no test sample" if one.value is None else f"{100 * one.value:.1f}"
        ends = "" if one.ci95 is None else f" [{100 * one.ci95[0]:.1f}, {100 * one.ci95[1]:.1f}]"
        print(f"| {one.slice} | > {100 * one.target:g} | {value}{ends}{', reached' if one.reached else ''} |")
