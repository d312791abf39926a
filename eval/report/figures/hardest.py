"""Figure of the identities that are hardest to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.report.figures.style import BLUE, ORANGE, SMALL, SOFT, head, new_figure, plain, provenance, style_axes
from retrieval.types import Int64

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eval.results.schema import EvalResult
    from eval.runs.replay_ranking import Replay


_TEXT_STYLE: dict[str, Any] = {"size": SMALL, "color": SOFT}


class IdentityRanks(NamedTuple):
    """Ranks of one identity over all draws.

    ``mean_rank`` is the mean 1-based rank of the first right gallery sample; ``queries`` counts a query once per draw;
    ``right`` counts those whose first gallery sample is right; ``images`` counts distinct query samples.
    """

    identity: str
    mean_rank: float
    queries: int
    right: int
    images: int


def identity_ranks(replay: Replay) -> list[IdentityRanks]:
    """Ranks of all query identities, highest mean rank first; equal means are in order of identity.

    Queries without a sample of their identity in the gallery do not count.
    """
    rankings = [ranking for draws in replay.rankings.values() for ranking in draws]
    first = np.concatenate([ranking.first_ranks for ranking in rankings])
    rows = np.concatenate([ranking.query for ranking in rankings])[first > 0]
    first = first[first > 0]
    names = replay.samples.columns["identity"][rows].astype(np.str_)
    ranks = [_ranks_of(name, rows[names == name], first[names == name]) for name in np.unique(names).tolist()]
    return sorted(ranks, key=lambda entry: (-entry.mean_rank, entry.identity))


def hardest_figure(result: EvalResult, replay: Replay, most: int = 15) -> Figure:
    """Bars of the mean rank of the first right image of the ``most`` hardest identities, with counts beside them."""
    identities = identity_ranks(replay)
    shown = identities[:most]
    figure = new_figure(7.6, 1.85 + 0.27 * max(len(shown), 3))
    overall = sum(entry.mean_rank * entry.queries for entry in identities) / sum(entry.queries for entry in identities)
    note = f"The {len(shown)} hardest of {len(identities)} query identities; queries are counted in every draw."
    head(figure, "Hardest identities", provenance(result), note, titled=True)
    width = figure.get_size_inches()[0]
    longest = max(len(entry.identity) for entry in shown)
    figure.subplots_adjust(left=min(0.3, (0.35 + 0.075 * longest) / width), right=1 - 2.5 / width)
    axes = figure.add_subplot()
    style_axes(axes, "mean rank of the first right image (1 is best)", "")
    axes.grid(visible=False, axis="y")
    places = np.arange(len(shown))
    axes.barh(places, [entry.mean_rank for entry in shown], color=BLUE, height=0.62)
    axes.set_yticks(places, [_short_name(entry.identity) for entry in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.06 * shown[0].mean_rank)
    axes.axvline(overall, color=ORANGE, linewidth=1.6, linestyle="--")
    axes.text(
        overall,
        1.0,
        f"all queries {overall:.1f}",
        transform=axes.get_xaxis_transform(),
        **_TEXT_STYLE,
        ha="center",
        va="bottom",
    )
    for across, heading in ((1.05, "mean"), (1.18, "rank 1 right"), (1.44, "images")):
        axes.text(across, 1.0, heading, transform=axes.transAxes, **_TEXT_STYLE, va="bottom")
    for place, entry in zip(places.tolist(), shown, strict=True):
        cells = (
            (1.05, f"{entry.mean_rank:.1f}"),
            (1.18, f"{entry.right} of {entry.queries}"),
            (1.44, f"{entry.images}"),
        )
        for across, words in cells:
            axes.text(across, place, words, transform=axes.get_yaxis_transform(), **_TEXT_STYLE, va="center")
    return figure


def _ranks_of(name: str, rows: Int64, first: Int64) -> IdentityRanks:
    return IdentityRanks(name, float(first.mean()), len(rows), int((first == 1).sum()), len(np.unique(rows)))


def _short_name(name: str) -> str:
    return plain(name if len(name) <= 20 else name[:9] + "…" + name[-9:])
