"""Figure of CMC curves with 95 % intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.report.figures.style import BLUE, SMALL, SOFT, dress, head, new_figure, provenance
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
"""Name of the mean curve where a result has several parts."""

_MOST_ESTIMATES = 10_000_000
"""Bootstrap estimates held in memory at one time (80 MB)."""

_DRAWS_SHOWN = 20


class CmcBand(NamedTuple):
    """A CMC curve: ``mean`` (k,) over draws and parts, ``draws`` (d, k), ``interval`` (k, 2) or None.

    ``interval`` holds the pointwise 95 % bootstrap intervals over identities: at rank k it is the ``ci95`` of
    ``rank_k``.
    """

    mean: NDArray[np.float64]
    draws: NDArray[np.float64]
    interval: NDArray[np.float64] | None


def cmc_bands(result: EvalResult, replay: Replay) -> dict[str, CmcBand]:
    """CMC curves by part, and of the mean of the parts where there are several, over the ranks of the result."""
    parts = {name: [draws] for name, draws in replay.matches.items()}
    if WHOLE_PART not in parts:
        parts[MEAN] = list(replay.matches.values())
    return {name: _band(tables, result) for name, tables in parts.items()}


def cmc_figure(result: EvalResult, replay: Replay) -> Figure:
    """CMC of a re-identification result, one panel per part: mean over draws, single draws, and the 95 % band."""
    bands = cmc_bands(result, replay)
    columns = min(3, len(bands))
    rows = -(-len(bands) // columns)
    figure = new_figure(6.4 if columns == 1 else 0.9 + 3.1 * columns, 1.5 + (3.0 if rows == 1 else 2.55 * rows))
    several = len(bands) > 1
    head(figure, "Cumulative match characteristic (CMC)", provenance(result), _legend(bands, result), titled=several)
    figure.subplots_adjust(hspace=0.32, wspace=0.12)
    lowest = min(_lowest(band) for band in bands.values())
    for at, (name, band) in enumerate(bands.items()):
        axes = figure.add_subplot(rows, columns, at + 1)
        edge = (at % columns == 0, at + columns >= len(bands))
        dress(axes, "rank k" if edge[1] else "", "queries matched within k (%)" if edge[0] else "", _label(name))
        _draw(axes, band, lowest)
        axes.tick_params(labelleft=edge[0])
    return figure


def _band(parts: Sequence[Sequence[DrawTable]], result: EvalResult) -> CmcBand:
    resamples = int(result.config.get("bootstrap", 0))
    per_draw = np.mean([[table.values.mean(axis=0) for table in draws] for draws in parts], axis=0)
    length = per_draw.shape[1]
    step = max(1, _MOST_ESTIMATES // max(1, resamples * len(per_draw) * len(parts)))
    ends: list[tuple[float, float]] = []
    for start in range(0, length, step):
        ranks = slice(start, min(start + step, length))
        tables = [[DrawTable(table.values[:, ranks], table.units) for table in draws] for draws in parts]
        seed = np.random.SeedSequence(result.provenance.seed, spawn_key=(BOOTSTRAP_STREAM,))
        rng = np.random.Generator(np.random.PCG64(seed))
        names = [str(k + 1) for k in range(length)[ranks]]
        ends += [m.ci95 for m in summarise(names, tables, resamples, rng).metrics.values() if m.ci95 is not None]
    return CmcBand(per_draw.mean(axis=0), per_draw, np.array(ends) if len(ends) == length else None)


def _lowest(band: CmcBand) -> float:
    """The lowest value of a curve, its draws and its band."""
    ends = [band.draws] if band.interval is None else [band.draws, band.interval]
    return min(float(values.min()) for values in ends)


def _draw(axes: Axes, band: CmcBand, lowest: float) -> None:
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
    """Explain line, band and thin lines."""
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
