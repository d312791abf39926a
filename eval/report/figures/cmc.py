"""Figure of CMC curves with 95 % intervals.

A cumulative match characteristic (CMC) is the share of queries that have a correct match among their k nearest gallery
samples, for k = 1, 2, ... Reports of re-identification show this figure (``eval/report/pictures.py``). It is computed
from a replay: the rankings of a result made again from the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.report.figures.style import BLUE, SMALL, SOFT, head, new_figure, provenance, style_axes
from eval.runs.request import BOOTSTRAP_STREAM
from eval.seams.mode import WHOLE_PART
from eval.statistics.query_summary import DrawTable, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from eval.results.schema import EvalResult
    from eval.runs.replay_ranking import Replay

MEAN = "mean"
"""Name of the mean curve of a result that is divided into parts (one per aspect of the samples)."""

_MAX_VALUES = 10_000_000
"""Largest number of float64 values that one bootstrap may hold: resamples x draws x parts x ranks (80 MB)."""

_DRAWS_SHOWN = 20
"""Largest number of draws (random divisions into queries and gallery) with a curve of their own."""


class CmcBand(NamedTuple):
    """A CMC curve over the ranks 1 to n, as shares between 0 and 1.

    Attributes:
        mean: (n,) mean over draws and parts.
        draws: (d, n) curve of each of d draws.
        interval: (n, 2) ends of the 95 % bootstrap interval over identities, for each rank by itself, or None where a
            rank has none. At rank k it equals the interval of the metric ``rank_k`` in the result.
    """

    mean: NDArray[np.float64]
    draws: NDArray[np.float64]
    interval: NDArray[np.float64] | None


def cmc_bands(result: EvalResult, replay: Replay) -> dict[str, CmcBand]:
    """Compute the CMC curve of each part and, where the result is divided into parts, of their mean.

    Args:
        result: result of a re-identification.
        replay: its rankings; ``replay.matches`` has, for each part, one table (queries, ranks) per draw.

    Returns:
        Name of the part, or :data:`MEAN`, to its curve over the ranks of the result.
    """
    parts_of_curve = {name: [draws] for name, draws in replay.matches.items()}
    if WHOLE_PART not in parts_of_curve:
        parts_of_curve[MEAN] = list(replay.matches.values())
    return {name: _band(parts, result) for name, parts in parts_of_curve.items()}


def cmc_figure(result: EvalResult, replay: Replay) -> Figure:
    """Plot the CMC of a re-identification result, one panel per part: mean over draws, single draws, 95 % band."""
    bands = cmc_bands(result, replay)
    columns = min(3, len(bands))
    rows = -(-len(bands) // columns)
    figure = new_figure(6.4 if columns == 1 else 0.9 + 3.1 * columns, 1.5 + (3.0 if rows == 1 else 2.55 * rows))
    several = len(bands) > 1
    head(figure, "Cumulative match characteristic (CMC)", provenance(result), _legend(bands, result), titled=several)
    figure.subplots_adjust(hspace=0.32, wspace=0.12)
    lowest = min(_lowest(band) for band in bands.values())
    for panel, (name, band) in enumerate(bands.items()):
        axes = figure.add_subplot(rows, columns, panel + 1)
        is_left, is_bottom = panel % columns == 0, panel + columns >= len(bands)
        x_label, y_label = "rank k" if is_bottom else "", "queries matched within k (%)" if is_left else ""
        style_axes(axes, x_label, y_label, _label(name))
        _plot(axes, band, lowest)
        axes.tick_params(labelleft=is_left)
    return figure


def _band(parts: Sequence[Sequence[DrawTable]], result: EvalResult) -> CmcBand:
    """Compute the mean curve of parts (each a table per draw), its draws and its bootstrap interval."""
    resamples = int(result.config.get("bootstrap", 0))
    per_draw = np.mean([[table.values.mean(axis=0) for table in draws] for draws in parts], axis=0)
    length = per_draw.shape[1]
    step = max(1, _MAX_VALUES // max(1, resamples * len(per_draw) * len(parts)))
    ends: list[tuple[float, float]] = []
    for start in range(0, length, step):
        ranks = slice(start, min(start + step, length))
        blocks = [[DrawTable(table.values[:, ranks], table.units) for table in draws] for draws in parts]
        # the seed of the evaluation, for every block of ranks: all have the resamples behind the result's own intervals
        seed = np.random.SeedSequence(result.provenance.seed, spawn_key=(BOOTSTRAP_STREAM,))
        rng = np.random.Generator(np.random.PCG64(seed))
        names = [str(k + 1) for k in range(length)[ranks]]
        ends += [m.ci95 for m in summarise(names, blocks, resamples, rng).metrics.values() if m.ci95 is not None]
    interval = np.array(ends) if len(ends) == length else None  # none without resamples or with a single identity
    return CmcBand(per_draw.mean(axis=0), per_draw, interval)


def _lowest(band: CmcBand) -> float:
    """Return the lowest value of a curve, its draws and its interval."""
    ends = [band.draws] if band.interval is None else [band.draws, band.interval]
    return min(float(values.min()) for values in ends)


def _plot(axes: Axes, band: CmcBand, lowest: float) -> None:
    """Plot one panel; the y axis starts just below ``lowest``, rounded down to ten percent, or below 90 %."""
    ranks = np.arange(1, len(band.mean) + 1)
    if band.interval is not None:
        axes.fill_between(ranks, *(100 * band.interval.T), color=BLUE, alpha=0.2, linewidth=0)
    if len(band.draws) > 1:
        for draw in band.draws[:_DRAWS_SHOWN]:
            axes.plot(ranks, 100 * draw, color=SOFT, linewidth=0.5, alpha=0.6)
    axes.plot(ranks, 100 * band.mean, color=BLUE, linewidth=1.8, marker="o", markersize=2.4, clip_on=False)
    axes.set_xlim(0.5, max(len(ranks), 2) + 0.5)
    axes.set_ylim(max(0, min(np.floor(10 * lowest) * 10, 90) - 2), 100)
    axes.set_xticks([k for k in (1, 5, 10, 20, 30, 40, 50, 75, 100) if k <= len(ranks)])
    words = "  ".join(f"R{k} {100 * band.mean[k - 1]:.1f}" for k in (1, 5, 10) if k <= len(ranks))
    axes.text(0.97, 0.06, words, transform=axes.transAxes, ha="right", size=SMALL, color=SOFT)


def _legend(bands: dict[str, CmcBand], result: EvalResult) -> str:
    """Describe the blue line, the band and the thin lines in a sentence."""
    band = next(iter(bands.values()))
    several = len(band.draws) > 1
    words = ["Blue line: mean over draws" if several else "Blue line: all queries"]
    if any(curve.interval is not None for curve in bands.values()):
        words.append("band: 95 % bootstrap over identities, point by point")
    if several:
        shown = f"the first {_DRAWS_SHOWN} draws" if len(result.draws) > _DRAWS_SHOWN else "single draws"
        words.append(f"thin grey lines: {shown}")
    return "; ".join(words) + "."


def _label(name: str) -> str:
    return "mean of the parts" if name == MEAN else name
